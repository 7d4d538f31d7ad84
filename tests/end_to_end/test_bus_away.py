"""The webhook while the Service Bus cannot be reached, and after it has come back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.child import Child
from local.ports import free_port
from local.stand import ROOT, WEBHOOK_PATH, example_settings
from tests.end_to_end.waiting import eventually

KEY = "key-of-the-test"
EVENT = {
    "MessageName": "Update",
    "OperationId": str(uuid4()),
    "OrganizationId": example_settings()["DATAVERSE_ORGANIZATION_ID"],
    "PrimaryEntityId": str(uuid4()),
    "PrimaryEntityName": "account",
}


@asynccontextmanager
async def _host(folder: Path, bus_port: int) -> AsyncIterator[httpx.AsyncClient]:
    example = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
    bus = example["Values"]["ServiceBus"].replace(":5672", f":{bus_port}")
    example["Values"] |= {"ServiceBus": bus, "QUEUE_WAIT_SECONDS": "0"}
    (folder / "local.settings.json").write_text(json.dumps(example), encoding="utf-8")
    arguments = ["--app", str(ROOT), "--settings", str(folder / "local.settings.json")]
    arguments += ["--port", "0", "--function-key", KEY]
    child = await Child.start("host", "local.host", arguments, folder / "host.log", cwd=ROOT)
    try:
        async with httpx.AsyncClient(
            base_url=child.ready["functions"], headers={"x-functions-key": KEY}, timeout=60
        ) as client:
            yield client
    finally:
        await child.stop()


@pytest.fixture
async def bus_port() -> int:
    return free_port()


async def test_the_webhook_asks_to_come_again_until_the_bus_is_back(tmp_path: Path, bus_port: int) -> None:
    async with _host(tmp_path, bus_port) as client:
        refused = await client.post(WEBHOOK_PATH, json=EVENT)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert "Traceback" not in refused.text
        arguments = ["--config", str(ROOT / "local/servicebus/Config.json"), "--port", str(bus_port)]
        broker = await Child.start(
            "broker",
            "local.servicebus",
            [*arguments, "--control-port", "0"],
            tmp_path / "broker.log",
            cwd=ROOT,
        )
        try:
            await eventually(
                lambda: client.post(WEBHOOK_PATH, json=EVENT),
                lambda answer: answer.status_code == 202,
                "the event is queued",
            )
        finally:
            await broker.stop()
