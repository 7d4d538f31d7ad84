"""A broker and functions hosts as child processes, and what the host's tests ask of them."""

import asyncio
import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.child import Child

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = Path(__file__).parent / "app"
FUNCTION_KEY, MASTER_KEY = "the-function-key", "the-master-key"
LOCK_SECONDS, MAX_DELIVERIES = 2, 3
DEADLINE = 30.0


@dataclass
class Broker:
    """The broker of the stand with the sample app's two queues; their locks are short."""

    child: Child

    @classmethod
    async def start(cls, folder: Path) -> "Broker":
        properties = {"LockDuration": f"PT{LOCK_SECONDS}S", "MaxDeliveryCount": MAX_DELIVERIES}
        queues = [
            {"Name": "plain", "Properties": properties},
            {"Name": "ordered", "Properties": {**properties, "RequiresSession": True}},
        ]
        config = {"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": queues, "Topics": []}]}}
        (folder / "Config.json").write_text(json.dumps(config))
        arguments = ["--config", str(folder / "Config.json"), "--port", "0", "--control-port", "0"]
        return cls(
            await Child.start("broker", "local.servicebus", arguments, folder / "broker.log", cwd=ROOT)
        )

    @property
    def connection_string(self) -> str:
        return self.child.ready["connection_string"]

    async def control(self, path: str, body: Any) -> None:
        async with httpx.AsyncClient(base_url=self.child.ready["control"]) as client:
            (await client.post(path, json=body)).raise_for_status()

    async def send(
        self, queue: str, *orders: dict[str, Any], session_id: str | None = None, **fields: Any
    ) -> None:
        """Send what the sample functions shall do, one message each."""
        async with (
            ServiceBusClient.from_connection_string(self.connection_string) as client,
            client.get_queue_sender(queue) as sender,
        ):
            for order in orders:
                message = ServiceBusMessage(json.dumps(order), session_id=session_id, **fields)
                await sender.send_messages(message)

    async def dead_letter(self, queue: str) -> tuple[Any, str | None]:
        """The body and the reason of the first dead-lettered message; removes it."""
        async with (
            ServiceBusClient.from_connection_string(self.connection_string) as client,
            client.get_queue_receiver(queue, sub_queue="deadletter") as receiver,
        ):
            (message,) = await receiver.receive_messages(1, max_wait_time=10)
            await receiver.complete_message(message)
            return json.loads(str(message)), message.dead_letter_reason


@dataclass
class RunningHost:
    """A host that runs a sample app, and its log."""

    child: Child
    log: Path
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.AsyncClient(base_url=self.child.ready["functions"], timeout=DEADLINE)

    async def stop(self) -> None:
        await self.client.aclose()
        await self.child.stop()

    def records(self, **wanted: Any) -> list[dict[str, Any]]:
        """The log records with these values, in order; `order` is compared by its `id`."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [record for line in lines if _matches(record := json.loads(line), wanted)]

    async def wait_for(self, count: int = 1, within: float = DEADLINE, **wanted: Any) -> list[dict[str, Any]]:
        """Wait until that many such records are there."""
        await until(lambda: len(self.records(**wanted)) >= count, within, f"{count} records with {wanted}")
        return self.records(**wanted)


async def start_host(folder: Path, broker: str, *, app: Path = SAMPLE, **settings: str) -> RunningHost:
    """Start a host on the app; the folder keeps its settings file (an existing one is used) and its log."""
    file = folder / "local.settings.json"
    values = {"PLAIN_QUEUE": "plain", "SCHEDULE": "*/2 * * * * *", "ServiceBus": broker, **settings}
    if not file.exists():
        file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    log = folder / f"{uuid.uuid4()}.jsonl"
    arguments = [
        *("--app", str(app), "--settings", str(file), "--port", "0", "--log-file", str(log)),
        *("--function-key", FUNCTION_KEY, "--master-key", MASTER_KEY),
    ]
    return RunningHost(
        await Child.start("host", "local.host", arguments, folder / "stderr.log", cwd=ROOT), log
    )


def copy_of_sample(
    folder: Path, change: Callable[[dict[str, Any]], None] | None = None, code: str = ""
) -> Path:
    """The sample app in a folder of its own, its host.json changed, its code replaced if some is given."""
    app = folder / "app"
    shutil.copytree(SAMPLE, app, ignore=shutil.ignore_patterns("__pycache__"))
    if change:
        config = json.loads((app / "host.json").read_text())
        change(config)
        (app / "host.json").write_text(json.dumps(config))
    if code:
        (app / "function_app.py").write_text(code)
    return app


async def until(condition: Callable[[], bool], within: float, what: str) -> None:
    """Wait for a condition; fail with `what` if it does not come true in time."""
    try:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - the condition is in another process's log
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s: {what}") from None


def _matches(record: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if "id" in wanted:
        order = record.get("order")
        if not isinstance(order, dict) or order.get("id") != wanted["id"]:
            return False
    return all(record.get(name) == value for name, value in wanted.items() if name != "id")
