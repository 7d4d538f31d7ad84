"""Every request passes here first: who it is from, whether the page itself sent it, and how large it is."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.console.people import Person, person_of

LONGEST_SECONDS = 60.0
LARGEST_FORM = 64 * 1024
LARGEST_UPLOAD = 6 * 2**20
UPLOADS = ("/mapping/plan", "/mapping/apply")
STATIC = "/static/"  # the addresses of these files change with their content
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with "no-referrer" a browser sends no origin with a form
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

type Problem = Callable[[Request, int, str], Response]
"""Makes the page for a status and a sentence."""


class Guard:
    """Wraps the pages; `problem` makes the page of a refusal."""

    def __init__(self, app: ASGIApp, problem: Problem) -> None:
        self._app, self._problem = app, problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS | caching)
            await send(message)

        request = Request(scope)
        caching = {"Cache-Control": "private, max-age=86400"} if STATIC in request.url.path else {}
        person = person_of(request.headers)
        request.state.person = person
        refused, body = await self._refusal(request, person, receive)
        answer = refused or self._app
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await answer(scope, _again(body), send_guarded)
        except TimeoutError:
            await self._problem(request, 504, TOO_LATE)(scope, receive, send_guarded)

    async def _refusal(
        self, request: Request, person: Person | None, receive: Receive
    ) -> tuple[Response | None, bytes]:
        """Return why the request is refused, if it is, and its body."""
        path = request.url.path
        if person is None:
            return self._problem(request, 401, NOT_SIGNED_IN), b""
        if request.method != "POST":
            return None, b""
        if not same_origin(request.headers):
            return self._problem(request, 403, OTHER_SITE), b""
        most = LARGEST_UPLOAD if path.endswith(UPLOADS) else LARGEST_FORM
        body = await _read(receive, most)
        return (None, body) if body is not None else (self._problem(request, 413, TOO_LARGE), b"")


NOT_SIGNED_IN = "Nobody is signed in."
NO_ROLE = (
    "You are signed in, but you have no role in Account Sync. Ask an administrator of your organization for "
    "the role reader, operator or administrator of this application."
)
OTHER_SITE = "This change was not sent by the page itself, so nothing was done. Open the page and try again."
TOO_LARGE = "That is too much to take at once; a file may have 5 MB. Nothing was done."
TOO_LATE = "This took too long and was stopped. Look at the overview: it says which system does not answer."


def same_origin(headers: Headers) -> bool:
    """Whether the browser proves that a page of this address sent the request."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == headers.get("host")


async def _read(receive: Receive, most: int) -> bytes | None:
    """Read the whole body; None if it is longer than `most`."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return body


def _again(body: bytes) -> Receive:
    """Return the body once more, for the page that reads it; after that nothing comes."""
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        await asyncio.Event().wait()  # for the end of the connection, which is not told
        return {"type": "http.disconnect"}

    return receive
