"""The suite `cold-start`: what a new instance must import and build, with the deployed packages only.

Packages that only the tests and the tools need are hidden by an import hook: some SDKs import what they find.
Importing function_app is compared with importing the SDKs that the app may come to need, so that the ratio
means the same on every machine. Each group of functions starts on instances of its own, so each is measured
in a process of its own. Of the ratio the median of several pairs counts, of the rest the smallest of several
measurements.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.spread import ratio

ROOT = Path(__file__).resolve().parent.parent
SDKS = (
    "import azure.functions, azure.identity.aio, azure.data.tables.aio, azure.servicebus.aio, httpx, pydantic"
)
ROUNDS = 7
PAIRS = 15
NEEDED = {
    "receive_event": "queue_change",
    "receive_webhook": "queue_change",
    "sync_account": "sync_account",
    "heal": "heal",
    "health": "health",
}
PREPARED_SECONDS = 3  # the application is built half a second after the start
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
HOOK = """
import sys
class Deployed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError("not deployed: " + name, name=name)
sys.meta_path.insert(0, Deployed())
"""


def hidden() -> frozenset[str]:
    """The modules that are installed here and not where the app runs."""
    pinned = _PINNED.findall((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    deployed = {_normal(name) for name in pinned}
    return frozenset(
        module
        for module, packages in packages_distributions().items()
        if not deployed & {_normal(package) for package in packages}
    )


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Measure the imports, and what the first event of each function waits for."""
    clock = Clock(rounds)
    imports = [(clock.once("import function_app"), clock.once(SDKS)) for _ in range(PAIRS)]
    ours, sdks = map(median, zip(*imports, strict=True))
    started = f"import function_app; time.sleep({PREPARED_SECONDS})"
    waits = clock.least(_build("sync_account"), started, "perf_counter")
    told = f"{ours * 1000:.0f} ms to {sdks * 1000:.0f} ms, {len(clock.hidden)} modules hidden"
    return [
        Figure(
            "cold-start/import-ratio",
            "import of function_app, to that of the SDKs",
            ratio(imports),
            "x",
            told,
        ),
        Figure("cold-start/first-event", "a first event waits, after the start", waits * 1000, "ms"),
        *(_of_function(clock, function, sdks) for function in NEEDED),
    ]


def _of_function(clock: "Clock", function: str, sdks: float) -> Figure:
    built = clock.least(_build(NEEDED[function]))
    text = f"{function}: import and build, if it comes with the start"
    return Figure(f"cold-start/{function}", text, built * 1000, "ms", f"{built / sdks:.2f} x the SDKs")


def _build(needed: str) -> str:
    return f"from shared.wiring import application; application().{needed}"


class Clock:
    """Times statements, each in new processes with the settings of the example and these."""

    def __init__(self, rounds: int = ROUNDS, settings: Mapping[str, str] | None = None) -> None:
        self.rounds, self.hidden = rounds, hidden()
        example = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
        values = {**example["Values"], **(settings or {})}
        self._environment: Mapping[str, str] = {**os.environ, **values, "PYTHONPATH": str(ROOT)}

    def least(self, statement: str, first: str = "pass", clock: str = "thread_time") -> float:
        """The shortest time in seconds of several measurements, see `once`."""
        return min(self.once(statement, first, clock) for _ in range(self.rounds))

    def once(self, statement: str, first: str = "pass", clock: str = "thread_time") -> float:
        """The time in seconds that the statement takes after the first one, in a new process.

        By default the CPU time of its own thread: the app goes on to build itself in another one.
        """
        timed = f"began = time.{clock}(); {statement}; print(time.{clock}() - began)"
        code = HOOK.format(hidden=set(self.hidden)) + f"import time; {first}; {timed}"
        return float(self._run(code))

    def _run(self, code: str) -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True)
        return done.stdout


def _normal(name: str) -> str:
    """A package's name as the index compares it (packaging.python.org, name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()
