"""Everything a developer runs: `python3 dev.py demo | start | test | lint | bench | chaos | lock`.

In: a command and its arguments. Out: that command's output and exit code. Before it runs, once its command
line is checked, the virtual environment (.venv) and the Node tools (local/node_modules) are made, or brought
up to date where the pinned lists have changed. Standard library only, in the syntax of Python 3.8, so that an
old Python can say in one line what is missing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from local.commands import PARSERS

ROOT = Path(__file__).resolve().parent
LOCAL = ROOT / "local"
VENV = ROOT / ".venv"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-cli.txt")
WANTED_PYTHON, WANTED_NODE = (3, 13), 18
GET_PYTHON, GET_NODE = "https://www.python.org/downloads/", "https://nodejs.org"

ALL_TESTS = ["-n", "4", "--dist", "loadgroup"]  # most of the time the tests wait for other processes
FAST_TESTS = ["-n", "auto", "--dist", "loadgroup", "tests/flow", "tests/unit"]  # the longest file goes first

MODULES = {"demo": "local.demo", "start": "local.start", "bench": "bench", "chaos": "local.chaos"}
USAGE = """Usage: python3 dev.py COMMAND [ARGUMENTS]

  demo    run the whole synchronisation once on this machine, and check the result
  start   run the local stand until Ctrl-C
  test    lint, types, then pytest with the given arguments; with --fast what needs no server
  lint    lint and types
  bench   measure, and judge by the targets
  chaos   run under injected faults and kills, and check that nothing is lost
  lock    pin requirements.in, requirements-dev.in and requirements-cli.in again, with hashes

`python3 dev.py COMMAND --help` lists the options of a command.
The set-up makes the command `accountsync` too: .venv/bin/accountsync --help"""


class MissingError(Exception):
    """Something that this machine must have is not there; the text is the one line to print."""


def main(arguments: list[str]) -> int:
    """Set up what is needed and run a command; return its exit code (on POSIX, demo and others take over)."""
    if not arguments or arguments[0] not in PARSERS:
        print(USAGE)
        return 0 if arguments[:1] in ([], ["--help"], ["-h"]) else 2
    command, rest = arguments[0], arguments[1:]
    parser = PARSERS[command]()
    options, others = parser.parse_known_args(rest)  # ends here for --help and for a wrong option
    if others and command != "test":
        parser.error("unrecognized arguments: " + " ".join(others))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the step that runs, and its process
    try:
        set_up(with_node=command != "lock")
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    # Otherwise each of the many processes of a run compiles all that it imports anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if command in MODULES:
        return become([str(PYTHON), "-P", "-m", MODULES[command], *rest], {"PYTHONPATH": str(ROOT)})
    os.chdir(ROOT)
    if command == "lock":
        return lock()
    if command == "lint":
        return lint() or types()
    if options.fast:
        return fast_tests(others)
    code = lint() or types()
    if code:
        return code
    whole = all(argument.startswith("--") for argument in others)
    if whole:  # without a browser some tests are skipped
        subprocess.run([str(PYTHON), "-m", "local.console.browser"], check=False)
    print("== tests", flush=True)
    return become([str(PYTHON), "-m", "pytest", *(ALL_TESTS if whole else []), *others], {})


def lint() -> int:
    """Check with Ruff's rules, then its formatting; stop at the first that fails."""
    return step("lint", [PYTHON, "-m", "ruff", "check", "."]) or step(
        "format", [PYTHON, "-m", "ruff", "format", "--check", "."]
    )


def types() -> int:
    """Check the types with Pyright."""
    return step("types", pyright())


def pyright() -> list[str | Path]:
    """The command that checks the types."""
    # With more room for short-lived objects Node needs a tenth less time.
    return [tool("node"), "--max-semi-space-size=64", LOCAL / "node_modules/pyright/index.js"]


def fast_tests(arguments: list[str]) -> int:
    """Lint; then run the tests that need no server, and check the types meanwhile."""
    code = lint()
    if code:
        return code
    with subprocess.Popen(pyright(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as checking:
        try:
            code = step("tests", [PYTHON, "-m", "pytest", *FAST_TESTS, *arguments])
            print("== types", flush=True)
            sys.stdout.buffer.write(checking.communicate()[0])
        finally:
            checking.kill()  # nothing, unless the tests were interrupted
    return code or checking.returncode


def lock() -> int:
    """Write requirements*.txt from what requirements*.in ask for."""
    options = ["-q", "--upgrade", "--generate-hashes", "--universal", "--python-version", "3.13"]
    options += ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    for name in REQUIREMENTS:
        source = name.replace(".txt", ".in")
        code = step(source, [PYTHON, "-m", "uv", "pip", "compile", *options, source, "-o", name])
        if code:
            return code
    return 0


def step(heading: str, command: list[str | Path]) -> int:
    """Run one part of a command under its heading; return its exit code."""
    print(f"== {heading}", flush=True)
    return subprocess.run(command, check=False).returncode


def become(command: list[str], environment: dict[str, str]) -> int:
    """Go on as this command, so that signals reach it; where a process cannot do that, run it and wait."""
    environment = {**os.environ, **environment}
    if not WINDOWS:
        os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted
    with subprocess.Popen(command, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # Ctrl-C has reached the command too; it ends in its own time


def set_up(with_node: bool) -> None:
    """Make .venv and local/node_modules as pinned; raise `MissingError` before anything is installed."""
    if with_node:
        check_node()
    set_up_python()
    if with_node:
        set_up_node()


def check_node() -> None:
    """Raise `MissingError` unless a Node is there that is new enough."""
    node = tool("node")
    found = output([node, "--version"])
    if int(re.sub(r"\D.*", "", found[1:]) or 0) < WANTED_NODE:
        raise MissingError(f"Node {WANTED_NODE} or later is needed, {node} is {found}: {GET_NODE}")


def set_up_python() -> None:
    """Make .venv as the pinned lists say, if it is not so already; raise `MissingError`."""
    digest = digest_of([ROOT / name for name in REQUIREMENTS])
    stamp = VENV / "installed.sha256"
    if PYTHON.exists() and read(stamp) == digest:
        return
    if version_of([str(PYTHON)]) is None:
        quietly("Making the virtual environment", [find_python(), "-m", "venv", "--clear", str(VENV)])
    install = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    for name in REQUIREMENTS:
        install += ["-r", name]
    quietly("Installing the Python packages", install)
    write_command()
    stamp.write_text(digest, encoding="utf-8")


def write_command() -> None:
    """Write the command `accountsync` into the virtual environment; it runs this folder's code."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from shared.cli.app import main; sys.exit(main())"
    command = PYTHON.with_name("accountsync.cmd" if WINDOWS else "accountsync")
    text = f'@"{PYTHON}" -P -c "{code}" %*\n' if WINDOWS else f"#!{PYTHON} -P\n{code}\n"
    command.write_text(text, encoding="utf-8")
    command.chmod(0o755)


def set_up_node() -> None:
    """Install the Node tools of the stand as the lock file says, if they are not; raise `MissingError`."""
    digest = digest_of([LOCAL / "package.json", LOCAL / "package-lock.json"])
    stamp = LOCAL / "node_modules/installed.sha256"
    if read(stamp) == digest:
        return
    quietly("Installing the Node tools", [tool("npm"), "ci", "--no-audit", "--no-fund"], LOCAL)
    stamp.write_text(digest, encoding="utf-8")


def find_python() -> str:
    """A Python 3.13: this one, on the PATH, known to the py launcher, or of pyenv; raise `MissingError`."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [[sys.executable], ["python3.13"], ["py", "-3.13"], ["python3"], ["python"]]
    candidates += [[str(path)] for path in sorted(pyenv.glob("versions/3.13*/bin/python"))]
    candidates += [[str(path)] for path in sorted(pyenv.glob("pyenv-win/versions/3.13*/python.exe"))]
    for candidate in candidates:
        found = version_of(candidate)
        if found is not None:
            return found
    here = "%d.%d" % sys.version_info[:2]
    raise MissingError(f"Python 3.13 is needed and was not found (this is {here}): {GET_PYTHON}")


def version_of(command: list[str]) -> str | None:
    """The path of the interpreter that the command runs, if it is the wanted version."""
    question = f"import sys; print(sys.version_info[:2] == {WANTED_PYTHON}, sys.executable)"
    matches, _, path = output([*command, "-c", question]).partition(" ")
    return path if matches == "True" else None


def tool(name: str) -> str:
    """The path of a Node tool; raise `MissingError`."""
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"Node {WANTED_NODE} or later is needed, {name} is not on the PATH: {GET_NODE}")
    return found


def quietly(what: str, command: list[str], folder: Path = ROOT) -> None:
    """Run a step of the set-up; show what it printed only if it fails, and raise `MissingError`."""
    print(f"{what} ...", file=sys.stderr, flush=True)
    result = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode:
        print(result.stdout, file=sys.stderr)
        raise MissingError(f"{what} failed with exit code {result.returncode}; its output is above.")


def output(command: list[str]) -> str:
    """What a command prints, or nothing if there is no such command or it fails."""
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def digest_of(files: list[Path]) -> str:
    """A digest over the contents of the files."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read(file: Path) -> str:
    """The text of a file, or nothing if there is none."""
    return file.read_text(encoding="utf-8") if file.is_file() else ""


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
