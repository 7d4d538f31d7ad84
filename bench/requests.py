"""Requests per event on the demo's mixed stream, beside the hand-made recipe that this app replaces.

The recipe (a flow of Dataverse's connector and Operations') does for each event that passes: read the
account, read its currency, read the mapping row, look whether the customer exists, create or update it. It
has no filter on columns, knows no repeats, and keeps no memory of what it wrote.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPE = {"dataverse": 2, "tables": 1, "operations": 2}


def main(arguments: argparse.Namespace) -> int:
    """Run the demo, and print its requests beside the recipe's."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "demo.json"
        command = [sys.executable, "-m", "local.demo", "--events", str(arguments.events)]
        command += ["--accounts", str(arguments.accounts), "--json", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return done.returncode
        demo = json.loads(file.read_text(encoding="utf-8"))
    events = demo["events"]
    understood = events - demo["outcomes"]["rejected"]
    print(f"{'':14}{'per event':>10}{'recipe':>10}{'ratio':>8}")
    for system, count in demo["requests"].items():
        recipe = RECIPE[system] * understood / events
        print(f"{system:14}{count / events:10.2f}{recipe:10.2f}{count / events / recipe:8.2f}")
    return 0
