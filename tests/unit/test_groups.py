"""The groups of `tests/conftest.py` reach the plugin that spreads the tests over processes."""

import pytest


def test_the_tests_of_a_file_are_one_group(request: pytest.FixtureRequest) -> None:
    # pytest-xdist tells the group by the end of the id; a pytest that it does not know loses it in silence.
    if not request.config.getoption("loadgroup", False):
        pytest.skip("only where tests are spread by their groups")
    assert request.node.nodeid.endswith("@unit/test_groups.py")
