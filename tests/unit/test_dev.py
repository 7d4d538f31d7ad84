"""dev.py before anything is set up: its help, what it refuses, what it asks for first; and its tests."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST = ("dev.py", "local/__init__.py", "local/commands.py")  # what runs before the set-up
PINNED = ("requirements.txt", "requirements-dev.txt", "requirements-cli.txt")
TOOLS = ("local/package.json", "local/package-lock.json")
COMMANDS = ("demo", "start", "test", "lint", "bench", "chaos", "lock")
# command of dev.py, module that runs it
MODULES = (
    (["demo"], "local.demo"),
    (["start"], "local.start"),
    (["chaos"], "local.chaos"),
    (["bench"], "bench"),
    (["bench", "broker"], "bench"),
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which nothing was set up, as far as dev.py needs it."""
    root = tmp_path / "clone"
    for name in (*FIRST, *PINNED, *TOOLS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


def dev(clone: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run dev.py without installed packages; `path`: the one folder with programs."""
    environment = {"PATH": str(path or clone / "none"), "COLUMNS": "80", "HOME": str(clone)}
    command = [sys.executable, "-S", "dev.py", *arguments]
    return subprocess.run(
        command, cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def nothing_was_set_up(clone: Path) -> bool:
    return not (clone / ".venv").exists() and not (clone / "local/node_modules").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_needs_nothing(clone: Path, command: str) -> None:
    done = dev(clone, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python3 dev.py {command}")
    assert nothing_was_set_up(clone)


def test_the_help_names_every_command(clone: Path) -> None:
    done = dev(clone, "--help")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == list(COMMANDS)


@pytest.mark.parametrize(("command", "module"), MODULES)
def test_a_command_gives_the_same_help_itself(clone: Path, command: list[str], module: str) -> None:
    own = subprocess.run(
        [sys.executable, "-m", module, *command[1:], "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert dev(clone, *command, "--help").stdout == own.stdout


@pytest.mark.parametrize(
    "arguments",
    [["demo", "--acounts", "5"], ["bench", "everything"], ["chaos", "--numbering", "none"], ["lint", "x"]],
)
def test_a_wrong_command_line_is_refused_before_the_set_up(clone: Path, arguments: list[str]) -> None:
    done = dev(clone, *arguments)
    assert done.returncode == 2
    assert f"usage: python3 dev.py {arguments[0]}" in done.stderr
    assert nothing_was_set_up(clone)


def test_without_node_no_python_package_is_installed(clone: Path) -> None:
    done = dev(clone, "demo")
    assert done.returncode == 1
    assert done.stderr.startswith("Node 18 or later is needed, node is not on the PATH")
    assert nothing_was_set_up(clone)


def test_with_an_old_node_no_python_package_is_installed(clone: Path) -> None:
    programs = scripts(clone, node="echo v16.20.2", npm="exit 1")
    done = dev(clone, "demo", path=programs)
    assert done.returncode == 1
    assert "Node 18 or later is needed" in done.stderr
    assert "is v16.20.2" in done.stderr
    assert nothing_was_set_up(clone)


@pytest.mark.parametrize("name", FIRST)
def test_an_old_python_can_read_what_runs_first(name: str) -> None:
    source = (ROOT / name).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
@pytest.mark.parametrize(
    ("failing", "code"), [("", 0), ("ruff check", 3), ("ruff format", 3), ("node", 3), ("pytest", 3)]
)
def test_the_fast_tests_are_lint_types_unit_and_flow(clone: Path, failing: str, code: int) -> None:
    done, steps = run_tests(clone, "--fast", "-k", "some", failing=failing)
    assert done.returncode == code, done.stdout + done.stderr
    if code == 0:
        steps = sorted(steps)
        assert [step.split()[0] for step in steps] == ["node", "pytest", "ruff", "ruff"]
        assert steps[1].endswith("tests/flow tests/unit -k some")


@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
@pytest.mark.parametrize(
    ("arguments", "browser"), [((), True), (("--junitxml=x.xml",), True), (("tests/unit",), False)]
)
def test_the_whole_run_sees_to_a_browser_and_goes_on_without_one(
    clone: Path, arguments: tuple[str, ...], browser: bool
) -> None:
    done, steps = run_tests(clone, *arguments, failing="local.console.browser")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [step.split()[0] for step in steps[3:]] == ["local.console.browser"] * browser + ["pytest"]


def run_tests(
    clone: Path, *arguments: str, failing: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run `dev.py test` with programs that only tell what they are called with; one of them fails."""
    log = clone / "log"
    report = f'echo "$*" >> "{log}"; case "$*" in *"{failing or "nothing"}"*) exit 3;; esac'
    version = 'test "$1" = --version && echo v20.0.0 && exit'
    programs = scripts(clone, node=f'{version}; set -- node "$@"; {report}', npm="exit 1")
    is_set_up(clone, f"shift; {report}")
    done = dev(clone, "test", *arguments, path=programs)
    return done, log.read_text().splitlines()


def scripts(clone: Path, **programs: str) -> Path:
    """A folder with shell scripts."""
    folder = clone / "programs"
    folder.mkdir()
    for name, text in programs.items():
        script(folder / name, text)
    return folder


def script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


def is_set_up(clone: Path, python: str) -> None:
    """Have dev.py take the clone as set up, with a Python that is this script."""
    (clone / ".venv/bin").mkdir(parents=True)
    script(clone / ".venv/bin/python", python)
    (clone / "local/node_modules").mkdir()
    stamp(clone / ".venv", PINNED, clone)
    stamp(clone / "local/node_modules", TOOLS, clone)


def stamp(folder: Path, names: Iterable[str], clone: Path) -> None:
    content = b"".join((clone / name).read_bytes() for name in names)
    (folder / "installed.sha256").write_text(hashlib.sha256(content).hexdigest(), encoding="utf-8")
