"""A server of the local stand as a child process: started, known to be ready, stopped or killed.

The child's standard input is a pipe that nobody writes to: when the parent ends, however it ends, the child
reads its end and ends too. Its standard error goes to a log file. The contract with the child is in
`local/lifetime.py`: one line of JSON on standard output when it serves.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

READY_SECONDS = 60.0
STOP_SECONDS = 40.0
_TAIL_LINES = 5


class ChildError(Exception):
    """A part of the stand did not start; one line that names it, with the end of its log."""


@dataclass(slots=True)
class Child:
    """A running child process; `ready` is what it said when it was ready."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    ready: dict[str, Any] = field(default_factory=dict)
    _drained: asyncio.Task[Any] | None = None

    @classmethod
    async def start(
        cls,
        name: str,
        module: str,
        arguments: Sequence[str],
        log: Path,
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
    ) -> Self:
        """Run `python -m module arguments` and wait until it is ready; raise `ChildError` if it fails."""
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments, "--exit-with-parent"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                cwd=cwd,
                env=env,
                **_own_group(),
            )
        child = cls(name, process, log)
        try:
            await child._wait_until_ready()
        except BaseException:
            child.kill()
            await process.wait()
            raise
        return child

    async def _wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise ChildError(f"{self.name} was not ready after {READY_SECONDS:g} s: {self._tail()}") from None
        try:
            self.ready = json.loads(line)
        except ValueError:
            raise ChildError(f"{self.name} did not start: {self._tail() or repr(line)}") from None
        self._drained = asyncio.ensure_future(self.process.stdout.read())

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-_TAIL_LINES:])

    @property
    def running(self) -> bool:
        """Whether the process still runs, as far as known."""
        return self.process.returncode is None

    def kill(self) -> None:
        """End the process, and any of its own, at once and without a chance to clean up."""
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)

    async def stop(self, within: float = STOP_SECONDS) -> None:
        """Ask the process to end and wait for it; kill it if it takes longer than `within` seconds."""
        if sys.platform != "win32":  # there it would be no request
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(within):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()

    async def wait_killed(self) -> None:
        """Kill the process and wait until it is gone."""
        self.kill()
        await self.process.wait()


def _own_group() -> dict[str, Any]:
    """A process group of its own, so that Ctrl-C reaches the parent only and it stops the parts in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
