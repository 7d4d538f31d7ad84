"""Waits until a deployed app runs the build that was deployed: `python3 infra/smoke.py URL BUILD_ID`.

In: the address of the app. With HEALTH_KEY in the environment, as in the pipelines, all systems must be well
and a message must come through: the app queues a probe, and `sync_account` of this build has to answer it
after this test began. Without the key an app that takes no messages is not noticed. Out: what `/api/health`
answers; exit code 1 if it does not answer as it should within SMOKE_SECONDS (default 300). Standard library
only.
"""

import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

PAUSE_SECONDS = 5.0
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
    before: object = None
    for asked in itertools.count():
        # A probe may be taken by an instance of the build before: it is asked for again every half minute.
        answer = ask(address + ("?probe=1" if key and asked % 6 == 0 else ""), key)
        if asked == 0 or before is UNKNOWN:
            before = answer.get("probe", UNKNOWN)
        wrong = complaint(answer, build_id) or (key and silence(answer, before, build_id))
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


def silence(answer: dict[str, Any], before: object, build_id: str) -> str:
    """What is wrong with the answer to the probe; nothing if this build gave one since `before`."""
    probe = answer.get("probe")
    if not isinstance(probe, dict) or probe == before:
        return "sync_account does not answer: no message comes through"
    if probe.get("build") != build_id:
        return f"sync_account answers with build {probe.get('build')}, not {build_id}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
