"""How the tests share a machine: the files run beside each other, those that share a stand in one process.

Hypothesis has no deadlines, for the machine may be busy, and takes the same examples in every run.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from local.console.browser import HOW

ROOT = Path(__file__).parent
SHARED = {"browser": "scene", "end_to_end": "system"}  # the fixture of each folder that is one stand
SPREAD = {ROOT / name for name in ("flow/test_guards_matter.py", "end_to_end/test_chaos.py")}  # long tests

settings.register_profile(
    "any-machine",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any-machine")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group for each file, as `--dist loadgroup` wants it; the tests that share a stand are one group.

    Tests that each take as long as a file are in no group: each worker takes the next of them.
    """
    for item in items:
        if item.path in SPREAD:
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
