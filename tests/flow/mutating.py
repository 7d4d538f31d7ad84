"""Runs tests against code that is changed in memory, each run in a process of its own.

One process collects the tests once. It forks for each run: the fork gives the functions of one file their
changed code, runs the test and ends. So a run imports and collects nothing, and writes no file.
"""

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

import pytest
from _pytest.runner import runtestprotocol

import shared

ROOT = Path(__file__).resolve().parents[2]
PASSED, FAILED, BROKEN = range(3)
OPTIONS = ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "--assert=plain", "--tb=no"]
for plugin in ("cacheprovider", "anyio", "unraisableexception"):
    OPTIONS += ["-p", f"no:{plugin}"]


class Mutation(NamedTuple):
    """A file below the root, a text that stands in it once, and what replaces it."""

    file: str
    text: str
    instead: str


class Runner:
    """Runs one test at a time, with or without a mutation; made by `runner`."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def passes(self, test: str, mutation: Mutation | None = None) -> bool:
        """Whether the test passes; anything but its own failure is an error."""
        self._pipe.send((test, mutation))
        code = self._pipe.recv()
        assert code in {PASSED, FAILED}, f"{test} could not be run"
        return code == PASSED


def is_case_of(nodeid: str, test: str) -> bool:
    """Whether pytest's id is that of the test, or of the test with one of its parameters."""
    return nodeid == test or nodeid.startswith(f"{test}[")


def runner(tests: Sequence[str]) -> Iterator[Runner]:
    """Give a runner of these tests for as long as the generator is not ended."""
    context = get_context("spawn")  # the process must hold no thread and no loop of this one
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(tests, theirs))
    process.start()
    theirs.close()
    yield Runner(ours)
    ours.send(None)
    process.join()


def _serve(tests: Sequence[str], pipe: Connection) -> None:
    sys.exit(pytest.main([*OPTIONS, *(str(ROOT / test) for test in tests)], plugins=[_Forks(pipe)]))


class _Forks:
    """A plugin of pytest that runs what is asked for instead of all that was collected."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for module in pkgutil.walk_packages(shared.__path__, "shared."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)  # a function is changed only if it is loaded
        ours = str(ROOT / "shared")
        functions = [found for found in gc.get_objects() if isinstance(found, FunctionType)]
        functions = [found for found in functions if found.__code__.co_filename.startswith(ours)]
        gc.freeze()  # or each fork would copy what the collector only looks at
        while (asked := self._pipe.recv()) is not None:
            test, mutation = asked
            items = [item for item in session.items if is_case_of(item.nodeid, test)]
            child = os.fork()
            if not child:
                _run(items, functions, mutation)
            self._pipe.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return True


def _run(items: list[pytest.Item], functions: list[FunctionType], mutation: Mutation | None) -> None:
    """Run the items until one fails, and end this process with the result."""
    code = BROKEN
    try:
        if mutation is not None:
            _mutate(functions, mutation)
        code = PASSED if all(map(_passes, items)) else FAILED
    finally:
        os._exit(code)


def _passes(item: pytest.Item) -> bool:
    """Whether the item passes; anything else than its own failure is an error."""
    reports = {report.when: report for report in runtestprotocol(item, log=False)}
    assert reports["setup"].passed
    assert reports["teardown"].passed
    return reports["call"].passed


def _mutate(functions: list[FunctionType], mutation: Mutation) -> None:
    """Give every function of the file its code in the changed text; the rest of the module stays."""
    file = str(ROOT / mutation.file)
    whole = Path(file).read_text(encoding="utf-8")
    codes = dict(_codes(compile(whole.replace(mutation.text, mutation.instead), file, "exec")))
    changed = 0
    for function in functions:
        if function.__code__.co_filename == file:
            code = codes.get(function.__code__.co_qualname, function.__code__)
            changed += code != function.__code__
            function.__code__ = code
    assert changed, "no function that is loaded has that text"


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name != "<lambda>":  # several may have one name
                yield constant.co_qualname, constant
            yield from _codes(constant)
