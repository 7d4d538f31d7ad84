"""Runs commands of `accountsync` as processes that end by themselves, or are killed at a deadline.

A script of its own: each command is a fork of it, so that the SDKs are imported once and not once a command.
In: a JSON list of command lines on standard input. Out: a JSON list of [exit code, output, errors], the
exit code null for a command that did not end.
"""

import gc
import json
import os
import pkgutil
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - what httpx imports with its first request
import azure.data.tables.aio
import azure.servicebus.aio.management  # noqa: F401
import httpcore  # noqa: F401
import httpx  # noqa: F401
import openpyxl  # noqa: F401

import shared
from shared.cli.app import main

LONGEST = 60.0  # seconds for one command
AT_ONCE = 8

type Ended = tuple[int | None, str, str]


def command(words: list[str], folder: Path) -> int:
    """In the child: become the command. It ends as the interpreter ends."""
    for name, stream in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["accountsync", *words]
    return main()


def wait(process: int, deadline: float) -> int | None:
    """In the parent: the exit code; None if the process had to be killed."""
    while time.monotonic() < deadline:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def run(lines: list[list[str]], folder: Path) -> list[Ended] | int:
    """Every command, a few at once. A child comes back from here with its own exit code."""
    results: list[Ended] = []
    for start in range(0, len(lines), AT_ONCE):
        started: list[tuple[int, Path]] = []
        for number, words in enumerate(lines[start : start + AT_ONCE], start=start):
            place = folder / str(number)
            place.mkdir()
            process = os.fork()
            if not process:
                return command(words, place)
            started.append((process, place))
        deadline = time.monotonic() + LONGEST
        for process, place in started:
            code = wait(process, deadline)
            out, err = (
                (place / "out").read_text(encoding="utf-8"),
                (place / "err").read_text(encoding="utf-8"),
            )
            results.append((code, out, err))
    return results


def serve() -> int:
    """The whole: this process answers with the results, a child ends with its code."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.freeze()
    folder = tempfile.TemporaryDirectory()
    parent = os.getpid()
    try:
        found = run(json.load(sys.stdin), Path(folder.name))
    finally:
        if os.getpid() == parent:
            folder.cleanup()
        else:
            folder._finalizer.detach()  # type: ignore[attr-defined]
    if isinstance(found, int):
        return found
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(serve())
