"""Waits until a deployed app runs the build that was deployed: `python3 infra/smoke.py URL BUILD_ID`.

In: the address of the app. With HEALTH_KEY in the environment, as in the pipelines, all systems must be well,
a message must come through, and the doctor must find no error: the app queues a probe, which `sync_account`
of this build has to answer after this test began, and checks its set-up anew. Without the key an app that
takes no messages is not noticed. Out: what `/api/health` answers; exit code 1 if it does not answer as it
should within SMOKE_SECONDS (default 300), with each error of the doctor. And requests that pretend to come
from a person who is signed in must not reach the operator's page. Standard library only.
"""

import base64
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

PAUSE_SECONDS = 5.0
# The operator's page, its other spellings, and ways to it below the paths that need no sign-in.
FORGED_PATHS = (
    "/api/console/",
    "/API/CONSOLE/",
    "/api/%63onsole/",
    "/api/console%2F",
    "/api//console/",
    "/api/health/../console/",
    "/api/health/%2e%2e/console/",
    "/api/health/..%2Fconsole/",
    "/api/dataverse/events/../../console/",
    "/api/dataverse/events/%2e%2e/%2e%2e/console/",
)
REFUSALS = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404})
POLICY, OF_THE_PAGE = "Content-Security-Policy", "default-src 'none'"  # every answer of the page has it
UNKNOWN = object()  # no answer of the app was understood yet


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error: the health key goes to the address that was given, and nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Give no request to follow."""


OPENER = urllib.request.build_opener(NoRedirect)


def main(arguments: list[str]) -> int:
    """Ask until the answer is right or the time is over; 2 for wrong arguments."""
    if len(arguments) != 2 or not arguments[0].startswith(("https://", "http://127.0.0.1:")):
        print("Usage: python3 infra/smoke.py https://APP BUILD_ID", file=sys.stderr)
        return 2
    address, build_id = arguments[0].rstrip("/") + "/api/health", arguments[1]
    key = os.environ.get("HEALTH_KEY")
    deadline = time.monotonic() + float(os.environ.get("SMOKE_SECONDS", "300"))
    before: dict[str, object] = {}
    for asked in itertools.count():
        # An instance of the build before may take the request: it is made again every half minute.
        answer = ask(address + ("?probe=1&doctor=1" if key and asked % 6 == 0 else ""), key)
        for name in ("probe", "doctor"):
            if before.get(name, UNKNOWN) is UNKNOWN:
                before[name] = answer.get(name, UNKNOWN)
        wrong = complaint(answer, build_id) or (key and (silence(answer, before, build_id) or errors(answer)))
        wrong = wrong or open_door(arguments[0].rstrip("/"))
        print(json.dumps(answer), flush=True)
        if not wrong:
            print(f"The app runs build {build_id}.")
            return 0
        if time.monotonic() + PAUSE_SECONDS > deadline:
            print(f"The app is not well: {wrong}", file=sys.stderr)
            return 1
        time.sleep(PAUSE_SECONDS)
    raise AssertionError


def ask(address: str, key: str | None) -> dict[str, Any]:
    """What the app answers, or `error` with why there is no answer."""
    request = urllib.request.Request(address, headers={"x-functions-key": key} if key else {})  # noqa: S310 - checked in main
    try:
        with OPENER.open(request, timeout=15) as response:
            return dict(json.load(response))
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def complaint(answer: dict[str, Any], build_id: str) -> str:
    """What is wrong with an answer; nothing if it is as it should be."""
    if "error" in answer:
        return str(answer["error"])
    if answer.get("build") != build_id:
        return f"it runs build {answer.get('build')}, not {build_id}"
    return "" if answer.get("status") == "ok" else f"its systems answer {answer.get('systems')}"


def open_door(app: str) -> str:
    """Where a forged sign-in is not refused; nothing if it is refused everywhere."""
    claims = [{"typ": "roles", "val": "operator"}]
    content = {"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": "roles"}
    headers = {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(content).encode()).decode(),
        "X-MS-CLIENT-PRINCIPAL-ID": "00000000-0000-4000-8000-000000000000",
        "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    }
    for path in FORGED_PATHS:
        status, policy = answer_of(urllib.request.Request(app + path, headers=headers))  # noqa: S310 - checked in main
        if policy.startswith(OF_THE_PAGE):
            return f"a request without sign-in to {path} reached the page, which answered {status} itself"
        if status not in REFUSALS:
            return f"a forged sign-in to {path} was answered with {status}, not refused"
    return ""


def answer_of(request: urllib.request.Request) -> tuple[int | str, str]:
    """The status of the answer, or why there is none, and its Content-Security-Policy."""
    try:
        with OPENER.open(request, timeout=15) as response:
            return int(response.status), response.headers.get(POLICY, "")
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, error.headers.get(POLICY, "")
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        return f"{type(error).__name__}: {error}", ""


def silence(answer: dict[str, Any], before: dict[str, object], build_id: str) -> str:
    """What is missing; nothing if this build has answered the probe and made its check since `before`."""
    for name, what, lost in (
        ("probe", "sync_account", "no message comes through"),
        ("doctor", "the function doctor", "its timer does not run, or it cannot write to its tables"),
    ):
        found = answer.get(name)
        if not isinstance(found, dict) or found == before[name]:
            return f"{what} does not answer: {lost}"
        if found.get("build") != build_id:
            return f"{what} answers with build {found.get('build')}, not {build_id}"
    return ""


def errors(answer: dict[str, Any]) -> str:
    """The errors that the doctor found; nothing if there are none."""
    lines = "".join(f"\n  - {error}" for error in answer["doctor"].get("errors", ()))
    return lines and f"the doctor finds errors:{lines}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
