"""Importing function_app, as a share of importing all the SDKs that it may come to need; and what the first
event waits for before it is worked on: nothing, once the start has built the application beside itself."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SDKS = (
    "import azure.functions, azure.identity.aio, azure.data.tables.aio, azure.servicebus.aio, httpx, pydantic"
)
ROUNDS = 7
BUILD = "from shared.wiring import application; application().prepare()"


def main(arguments: argparse.Namespace) -> int:
    """Measure and print; there are no arguments."""
    file = ROOT / "local.settings.json.example"
    settings = json.loads(file.read_text(encoding="utf-8"))["Values"]
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    ours = _median("import function_app", environment)
    theirs = _median(SDKS, environment)
    print(f"import function_app   {ours * 1000:6.0f} ms")
    print(f"import all its SDKs   {theirs * 1000:6.0f} ms")
    print(f"ratio                 {ours / theirs:6.2f}")
    built = _median(BUILD, environment)
    waits = _median(BUILD, environment, first="import function_app; time.sleep(3)")
    print(f"build the application {built * 1000:6.0f} ms")
    print(f"first event waits     {waits * 1000:6.0f} ms")
    return 0


def _median(statement: str, environment: dict[str, str], first: str = "") -> float:
    timed = f"t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    timed = f"import time; {first or 'pass'}; {timed}"
    runs = [
        subprocess.run(
            [sys.executable, "-c", timed], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run) for run in runs)
