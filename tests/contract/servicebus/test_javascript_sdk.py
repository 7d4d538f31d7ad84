"""The unmodified JavaScript SDK against the broker: one Node process, whose cases are reported one by one."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.servicebus.broker_process import Broker, config_text, running_broker

SCRIPT = Path(__file__).with_name("javascript_sdk.mjs")
MODULES = Path(__file__).parents[3] / "local" / "node_modules" / "@azure" / "service-bus"
CASES = re.findall(r'^test\("(.+?)"', SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not MODULES.exists(), reason="needs Node.js and `npm ci` in local/"
)


@pytest.fixture(scope="module")
async def outcomes_of_script(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, str | None]]:
    """For each case the error, or None."""
    config = tmp_path_factory.mktemp("javascript") / "Config.json"
    config.write_text(config_text(f"js{index}" for index in range(len(CASES))))
    with running_broker(config) as broker:
        yield await run_script(replace(broker, lane="js"))


async def run_script(broker: Broker) -> dict[str, str | None]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SCRIPT),
        broker.connection_string,
        str(broker.control.base_url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    lines = [json.loads(line) for line in output.decode().splitlines()]
    return {line["name"]: line["error"] for line in lines}


@pytest.mark.parametrize("case", CASES)
async def test_javascript_sdk(case: str, outcomes_of_script: dict[str, str | None]) -> None:
    assert outcomes_of_script[case] is None, outcomes_of_script[case]
