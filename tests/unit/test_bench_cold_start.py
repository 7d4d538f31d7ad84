"""The benchmark's cold start sees the deployed packages only."""

import subprocess
import sys

import pytest

from bench.cold_start import HOOK, hidden


def test_packages_of_tests_and_tools_are_hidden_and_deployed_ones_are_not() -> None:
    found = hidden()
    assert {"pytest", "rich", "typer", "hypothesis"} <= found
    assert not found & {"azure", "httpx", "pydantic", "aiohttp", "opentelemetry", "cryptography", "yarl"}


@pytest.mark.parametrize(("module", "there"), [("rich", False), ("rich.table", False), ("httpx", True)])
def test_a_hidden_package_cannot_be_imported(module: str, there: bool) -> None:
    code = HOOK.format(hidden={"rich"}) + f"import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == there
    assert ("not deployed" in done.stderr) != there
