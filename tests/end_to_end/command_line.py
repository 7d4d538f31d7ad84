"""Runs `accountsync` against the stand: within this process, which is quick, or as one of its own."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from shared.cli.app import app

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command with the settings of the stand."""

    settings: Path

    async def __call__(self, *words: str, code: int = 0) -> Answer:
        """Run it in a thread, one at a time; AssertionError if it does not end with this code."""
        arguments = ["--settings", str(self.settings), *words]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        answer = Answer(result.exit_code, result.stdout, result.stderr)
        assert answer.code == code, (answer, result.exception)
        return answer

    async def process(self, *words: str, code: int = 0) -> Answer:
        """The same as a process of its own, as many at a time as wanted."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "shared.cli", "--settings", str(self.settings), *words),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        answer = Answer(process.returncode or 0, out.decode(), err.decode())
        assert answer.code == code, answer
        return answer
