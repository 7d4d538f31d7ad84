"""How the tests share a machine: the files run beside each other, those that share a stand in one process."""

from pathlib import Path

import pytest

from local.console.browser import HOW

ROOT = Path(__file__).parent
SHARED = {"browser": "scene", "end_to_end": "system"}  # the fixture of each folder that is one stand
SPREAD = ROOT / "flow/test_guards_matter.py"  # each of its tests is a process, and takes as long as a file


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group for each file, as `--dist loadgroup` wants it; the tests that share a stand are one group.

    The tests of the guards are in no group: each worker takes the next of them.
    """
    for item in items:
        if item.path == SPREAD:
            continue
        folder, *_ = item.path.relative_to(ROOT).parts
        shares = SHARED.get(folder) in getattr(item, "fixturenames", ())
        group = folder if shares else str(item.path.relative_to(ROOT))
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how to get the browser, if tests were skipped without it."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(HOW in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(f"The tests of the operator's page were skipped. {HOW}")
