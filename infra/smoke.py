"""Waits until a deployed app runs the build that was deployed: `python3 infra/smoke.py URL BUILD_ID`.

In: the address of the app; with HEALTH_KEY in the environment, the systems' probes are asked for too, and
all of them must be well. Out: what `/api/health` answers; exit code 1 if it does not answer as it should
within SMOKE_SECONDS (default 300). Standard library only.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

PAUSE_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Ask until the answer is right or the time is over; 2 for wrong arguments."""
    if len(arguments) != 2 or not arguments[0].startswith(("https://", "http://127.0.0.1:")):
        print("Usage: python3 infra/smoke.py https://APP BUILD_ID", file=sys.stderr)
        return 2
    address, build_id = arguments[0].rstrip("/") + "/api/health", arguments[1]
    deadline = time.monotonic() + float(os.environ.get("SMOKE_SECONDS", "300"))
    while True:
        answer = ask(address, os.environ.get("HEALTH_KEY"))
        wrong = complaint(answer, build_id)
        print(json.dumps(answer), flush=True)
        if not wrong:
            print(f"The app runs build {build_id}.")
            return 0
        if time.monotonic() + PAUSE_SECONDS > deadline:
            print(f"The app is not well: {wrong}", file=sys.stderr)
            return 1
        time.sleep(PAUSE_SECONDS)


def ask(address: str, key: str | None) -> dict[str, Any]:
    """What the app answers, or `error` with why there is no answer."""
    request = urllib.request.Request(address, headers={"x-functions-key": key} if key else {})  # noqa: S310 - checked in main
    try:
        with urllib.request.urlopen(request, timeout=15) as response:  # noqa: S310 - checked in main
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
