"""Builds the package that every environment gets: `python3 infra/package.py BUILD_ID app.zip`.

In: the files of the repository that are deployed (tracked by git, not in .funcignore) and the pinned
requirements.txt. Out: one zip with the app, its packages for Linux and Python 3.13 under .python_packages,
and the build id that /api/health answers. The same commit gives the same bytes. Needs git and pip.
"""

import fnmatch
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ".python_packages/lib/site-packages"
BUILD_FILE = "shared/build_id.txt"
# What the platform runs: any glibc from 2.28 on.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
ALWAYS_THE_SAME = (2020, 1, 1, 0, 0, 0)
LEFT_OUT = ("__pycache__", "*.pyc", "*.pyi", "direct_url.json", "RECORD", "INSTALLER", "REQUESTED")


def main(arguments: list[str]) -> int:
    """Build; 2 for wrong arguments."""
    if len(arguments) != 2 or not arguments[0].strip():
        print("Usage: python3 infra/package.py BUILD_ID FILE.zip", file=sys.stderr)
        return 2
    build_id, target = arguments[0], Path(arguments[1])
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        entries = {name: (ROOT / name).read_bytes() for name in deployed(tracked(), ignored())}
        entries |= {f"{PACKAGES}/{name}": content for name, content in installed(Path(folder))}
        entries[BUILD_FILE] = build_id.encode()
        write(target, entries)
    print(f"{target}: {len(entries)} files, {target.stat().st_size / 1e6:.1f} MB, build {build_id}")
    return 0


def tracked() -> list[str]:
    """The files that git knows, relative to the root."""
    output = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S607 - git of the PATH
    return [name for name in output.stdout.split("\0") if name]


def ignored() -> list[str]:
    """The patterns of .funcignore."""
    lines = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def deployed(names: list[str], patterns: list[str]) -> Iterator[str]:
    """The names of which no part matches a pattern."""
    for name in names:
        parts = Path(name).parts
        if not any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in patterns):
            yield name


def install(folder: Path) -> None:
    """The pinned packages, as wheels for the platform, into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary=:all:", "--no-compile", "--target", str(folder)]
    command += ["--python-version", "3.13", "--implementation", "cp"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    subprocess.run([*command, "-r", str(ROOT / "requirements.txt")], check=True)  # noqa: S603 - fixed arguments


def installed(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every installed file that is needed to run."""
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if (
            file.is_file()
            and name.parts[0] != "bin"
            and not any(fnmatch.fnmatch(part, pattern) for part in name.parts for pattern in LEFT_OUT)
        ):
            yield name.as_posix(), file.read_bytes()


def write(target: Path, entries: dict[str, bytes]) -> None:
    """A zip whose bytes depend on names and contents alone."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, ALWAYS_THE_SAME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, entries[name])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
