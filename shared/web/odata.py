"""HTTP for the OData services: tokens, pages, short immediate retries, and faults.

In: a request. Out: an answer, whose status the adapter must interpret. Transport errors, redirects, 401, 408,
429 and, for reads, 5xx become faults here. A 5xx to a write is passed on, because it may contain a refusal by
the application. Only the adapter sees the text of an answer. A token is sent to the address of the service
only: next links and redirects to other addresses are not followed.
"""

import json
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import httpx

from shared.model.faults import ConfigurationFault, NotPermitted, System, TransientFault
from shared.ports import Clock
from shared.telemetry.metrics import RETRIES
from shared.web.credentials import Tokens
from shared.web.dates import http_date, retry_after
from shared.web.request_span import request_span

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_TRIES = 3
_LONGEST_WAIT_IN_PLACE = 2.0
_MOST_PAGES = 10_000
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def literal(text: str) -> str:
    """Make a string literal of OData for a URL: double the quotes, then percent-encode."""
    return "'" + quote(text.replace("'", "''"), safe="") + "'"


def content_of(
    response: httpx.Response, parse_float: Callable[[str], object] | None = None
) -> dict[str, Any]:
    """Return the JSON object in an answer. Raises ValueError for any other content."""
    try:
        content: object = json.loads(response.content, parse_float=parse_float)
    except RecursionError as error:
        raise ValueError("the content is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("the content is no JSON object")
    return cast(dict[str, Any], content)


def answer_of(
    system: System, response: httpx.Response, remedies: Mapping[int, str], otherwise: str, said: str = "."
) -> dict[str, Any]:
    """Return the content of a good answer. Raises TransientFault; for a refusal ConfigurationFault, which is
    NotPermitted for 403.

    `remedies` are those of the statuses that are known, `otherwise` that of all others; `said`: what follows
    the status in the text of the fault.
    """
    status = response.status_code
    if status in {200, 201}:
        try:
            return content_of(response)
        except ValueError as error:
            raise TransientFault(system, f"answered {status} without JSON") from error
    if status >= 500:
        raise TransientFault(system, f"answered {status}")
    kind = NotPermitted if status == 403 else ConfigurationFault
    raise kind(system, f"answered {status}{said}", remedies.get(status, otherwise))


def error_text(response: httpx.Response, member: str) -> str:
    """Return one text of the error in an answer, such as its code, in one line of 300 characters, or ""."""
    try:
        error: object = content_of(response).get("error")
    except ValueError:
        return ""
    found = cast(dict[str, object], error).get(member) if isinstance(error, dict) else None
    return " ".join(found.split())[:300] if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class ODataClient:
    """A client of one service. `http` is the shared client with the service's base address; `tokens`
    authenticate the app."""

    system: System
    http: httpx.AsyncClient
    tokens: Tokens
    clock: Clock

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, *, passed_on: Collection[int] = ()
    ) -> httpx.Response:
        """Read. Any transient fault is retried at once. For `passed_on` see `write`."""
        return await self._with_retries("GET", path, None, headers, passed_on)

    async def write(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        passed_on: Collection[int] = (),
    ) -> httpx.Response:
        """Send a POST or PATCH. It is retried at once only if the service certainly did not execute it.

        An answer with a status in `passed_on` is returned as it is: the adapter interprets it.
        """
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        return await self._with_retries(method, path, body, all_headers, passed_on)

    async def rows(
        self,
        path: str,
        headers: Mapping[str, str] | None,
        read: Callable[[httpx.Response], Mapping[str, Any]],
    ) -> AsyncGenerator[Mapping[str, Any]]:
        """Return the rows of all pages; `read` returns the content of an answer or raises.

        Raises ConfigurationFault for a next page outside the service's address, and TransientFault for a next
        page that was read before.
        """
        seen = set[httpx.URL]()
        while True:
            response = await self.get(path, headers)
            page = read(response)
            seen.add(response.url)
            if not isinstance(page.get("value"), list):
                raise TransientFault(self.system, "answered a list without its rows")
            for row in page["value"]:
                yield row
            if not (link := page.get("@odata.nextLink")):
                return
            following = self.following(response.url, link)
            if following in seen or len(seen) >= _MOST_PAGES:
                raise TransientFault(self.system, "the pages of its answer do not end")
            path = str(following)

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncGenerator[httpx.Response]:
        """Read a long answer piece by piece, in one attempt. The caller bounds how much of it is read."""
        with request_span(self.system, "GET", path, 1) as answered:
            response = await self._send("GET", path, None, headers, stream=True)
            answered(response)
        try:
            self._raise_common(response, writing=False)
            yield response
        except httpx.HTTPError as error:
            raise TransientFault(self.system, f"no answer ({type(error).__name__})") from error
        finally:
            await response.aclose()

    def answered_at(self, response: httpx.Response) -> datetime:
        """Return when the service answered, by its own clock if the answer says so."""
        return http_date(response.headers.get("date", "")) or self.clock.now()

    async def probe(self, path: str) -> None:
        """Make one cheap request, to test whether the service can be used. Raises faults."""
        response = await self.get(path)
        if response.status_code != 200:
            remedy = "Check its address and the app's access to it."
            kind = NotPermitted if response.status_code == 403 else ConfigurationFault
            raise kind(self.system, f"answered {response.status_code}.", remedy)

    def following(self, page: httpx.URL, link: object) -> httpx.URL:
        """Return the address of a link in a page. Raises ConfigurationFault for one outside the service's."""
        try:
            url = page.join(str(link))
        except (httpx.InvalidURL, ValueError):
            url = None
        if url is None or ".." in url.path.replace("\\", "/").split("/"):
            raise self._elsewhere("names a next page that is no address.")
        self._check_address(url)
        return url

    def is_own(self, url: httpx.URL) -> bool:
        """Whether the address is one of the service's, so that its token may be sent there."""
        own = self.http.base_url
        same = (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)
        return same and url.userinfo == own.userinfo and url.path.startswith(own.path)

    def _check_address(self, url: httpx.URL) -> None:
        if not self.is_own(url):
            raise self._elsewhere("names an address outside its own.")

    def _elsewhere(self, what: str) -> ConfigurationFault:
        remedy = "No token was sent there. Check the address of the system, and any proxy before it."
        return ConfigurationFault(self.system, what, remedy)

    async def _with_retries(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        passed_on: Collection[int] = (),
    ) -> httpx.Response:
        for tried in range(1, _TRIES + 1):
            try:
                with request_span(self.system, method, path, tried) as answered:
                    response = await self._send(method, path, body, headers)
                    answered(response)
                if response.status_code not in passed_on:
                    self._raise_common(response, writing=method != "GET")
                return response
            except TransientFault as fault:
                wait = 0.2 * tried if fault.retry_after is None else fault.retry_after
                if tried == _TRIES or fault.unknown_outcome or wait > _LONGEST_WAIT_IN_PLACE:
                    raise
                RETRIES.note(system=self.system)
                await self.clock.sleep(wait)
        raise AssertionError

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        *,
        stream: bool = False,
    ) -> httpx.Response:
        request = self.http.build_request(method, path, content=body, headers=headers)
        self._check_address(request.url)
        request.headers["Authorization"] = await self.tokens.authorization()
        try:
            return await self.http.send(request, follow_redirects=False, stream=stream)
        except _NEVER_SENT as error:
            raise TransientFault(self.system, f"no connection ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            reason = f"no answer ({type(error).__name__})"
            raise TransientFault(self.system, reason, unknown_outcome=method != "GET") from error

    def _raise_common(self, response: httpx.Response, *, writing: bool) -> None:
        status = response.status_code
        if 300 <= status < 400:
            raise self._elsewhere(f"answers with a redirect ({status}).")
        if status == 401:
            remedy = "Check that the app is registered there and its credentials are valid."
            raise ConfigurationFault(self.system, "refuses the app's token (401).", remedy)
        after = status == 503 and "retry-after" in response.headers
        if status in {408, 429} or after or (status >= 500 and not writing):
            wait = retry_after(response, self.clock.now())
            if wait is None and status == 429:
                wait = 30.0
            lost = writing and status == 408
            raise TransientFault(self.system, f"answered {status}", retry_after=wait, unknown_outcome=lost)
