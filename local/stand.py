"""The whole local stand as child processes: tables, broker, Dataverse and the ERP, and the functions host.

In: `StandOptions`. Out: a running stand with its `Addresses`; hosts that can be killed and started again one
by one. Refused, in one line that names the part and ends with the end of its log: a part that does not start.
No process outlives the stand, not even if the process that runs it is killed (see `local/child.py`).
"""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableServiceClient

from local.child import Child
from local.erps.by_target import belongs_to_another
from local.erps.erp import Erp
from local.erps.operations import OPERATIONS
from local.host.easy_auth import sign_in_link
from local.ports import free_port
from local.stand_options import ROOT, Addresses, StandOptions

TABLES = ("CurrencyMapping", "ValueMappings", "AccountSync", "CustomerOwners", "Issues", "Control")
WEBHOOK_PATH = "/api/dataverse/events"


class Stand:
    """A running stand. Use `async with Stand.start(options) as stand:`."""

    def __init__(self, options: StandOptions, folder: Path) -> None:
        self.options, self.folder = options, folder
        self._core_tools = options.use_core_tools()
        self._ports = options.ports.free()
        self._token, self._function_key = options.token, options.function_key
        self._host_ports = [self._ports.functions, *(free_port() for _ in range(options.hosts - 1))]
        self._parts: dict[str, Child] = {}
        self._hosts: dict[int, Child] = {}
        self._settings_file = folder / "local.settings.json"

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, options: StandOptions | None = None) -> "AsyncIterator[Stand]":
        """Start everything, give it out once all of it serves, stop it at the end; raise `ChildError`."""
        options = options or StandOptions()
        with _folder(options.folder) as folder:
            stand = cls(options, folder)
            try:
                await stand._start_parts()
                yield stand
            finally:
                await asyncio.shield(asyncio.ensure_future(stand._stop()))

    @property
    def addresses(self) -> Addresses:
        """Where everything is."""
        broker, dynamics = self._parts["broker"].ready, self._parts["dynamics"].ready
        return Addresses(
            functions=self._functions_url(0),
            function_key=self._function_key,
            servicebus=broker["connection_string"],
            tables=self._parts["tables"].ready["connection_string"],
            dataverse=dynamics["dataverse"],
            erp=dynamics[self.options.erp.key],
            token=dynamics["token"],
            control=dynamics["control"],
            servicebus_control=broker["control"],
        )

    def console_link(self, role: str = "operator") -> str:
        """The address that signs in to the operator's page; empty where the host has no sign-in."""
        return "" if self._core_tools else sign_in_link(self._functions_url(0), self._function_key, role)

    @property
    def settings_file(self) -> Path:
        """The local.settings.json that the hosts were started with."""
        return self._settings_file

    @property
    def host_log(self) -> Path:
        """The log of the first host, one JSON object a line."""
        return self.host_logs[0]

    @property
    def host_logs(self) -> tuple[Path, ...]:
        """The log of each host; a host that is started again goes on in its file."""
        return tuple(self.folder / f"host-{index}.jsonl" for index in range(max(self.options.hosts, 1)))

    @property
    def table_log(self) -> Path:
        """What Azurite printed: with `table_access_log` one line for each request."""
        return self.folder / "tables.log"

    def records(self) -> Iterator[dict[str, Any]]:
        """All log records of all hosts so far, file by file; a line that a kill cut short is left out."""
        for file in self.host_logs:
            if file.exists():
                for line in file.read_text(encoding="utf-8").splitlines():
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)

    def function_urls(self) -> list[str]:
        """The address of each host."""
        return [self._functions_url(index) for index in range(self.options.hosts)]

    def host_pid(self, index: int = 0) -> int:
        """The process of a running host, which runs the app too."""
        return self._hosts[index].process.pid

    def change_settings(self, changes: Mapping[str, str]) -> None:
        """Write settings that a host takes when it starts the next time."""
        content = json.loads(self._settings_file.read_text(encoding="utf-8"))
        content["Values"] |= changes
        whole = self._settings_file.with_suffix(".new")
        whole.write_text(json.dumps(content, indent=2), encoding="utf-8")
        whole.replace(self._settings_file)  # a host may be reading it

    async def start_host(self, index: int = 0) -> None:
        """Start a host (again) on its port; raise `ChildError` if it does not start."""
        module = "local.core_tools" if self._core_tools else "local.host"
        arguments = [
            *("--app", str(self.options.app), "--settings", str(self._settings_file)),
            *("--port", str(self._host_ports[index]), "--function-key", self._function_key),
            *("--master-key", self._function_key, "--log-file", str(self.host_logs[index])),
        ]
        self._hosts[index] = await self._child(
            f"functions host {index}", module, arguments, f"host-{index}.log"
        )

    async def stop_host(self, index: int = 0) -> None:
        """Let a host finish what it runs, and end it."""
        await self._hosts.pop(index).stop()

    async def kill_host(self, index: int = 0) -> None:
        """End a host in the middle of whatever it does (SIGKILL)."""
        await self._hosts.pop(index).wait_killed()

    async def restart_host(self, index: int = 0, *, kill: bool = False) -> None:
        """End a host, gently or with SIGKILL, and start it again on the same port."""
        await (self.kill_host(index) if kill else self.stop_host(index))
        await self.start_host(index)

    async def _start_parts(self) -> None:
        async with _all_or_first_error() as group:
            group.create_task(self._start_tables())
            group.create_task(self._start_broker_and_dynamics())
        self._write_settings()
        async with _all_or_first_error() as group:
            for index in range(self.options.hosts):
                group.create_task(self.start_host(index))

    async def _start_tables(self) -> None:
        arguments = ["--port", str(self._ports.tables)]
        if self.options.table_folder:
            arguments += ["--folder", str(self.options.table_folder)]
        if self.options.table_access_log:
            arguments.append("--access-log")
        if self._core_tools or not self.options.hosts:
            arguments += ["--blob-port", str(self._ports.blobs), "--queue-port", str(self._ports.queues)]
        self._parts["tables"] = child = await self._child("tables", "local.azurite", arguments)
        async with TableServiceClient.from_connection_string(child.ready["connection_string"]) as service:
            for table in TABLES:
                with contextlib.suppress(ResourceExistsError):
                    await service.create_table(table)

    async def _start_broker_and_dynamics(self) -> None:
        arguments = ["--config", str(self.options.broker_config), "--port", str(self._ports.servicebus)]
        arguments += ["--control-port", str(self._ports.servicebus_control)]
        self._parts["broker"] = broker = await self._child("broker", "local.servicebus", arguments)
        arguments = [
            *("--dataverse-port", str(self._ports.dataverse)),
            *(f"--{self.options.erp.target}-port", str(self._ports.erp)),
            *("--control-port", str(self._ports.control), "--token", self._token),
            *("--servicebus", broker.ready["connection_string"]),
        ]
        if self.options.webhook:
            webhook = self._functions_url(0) + WEBHOOK_PATH
            arguments += ["--webhook", webhook, "--webhook-key", self._function_key]
        self._parts["dynamics"] = await self._child("dynamics", "local.dynamics", arguments)

    async def _child(self, name: str, module: str, arguments: list[str], log: str = "") -> Child:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return await Child.start(
            name, module, arguments, self.folder / (log or f"{name}.log"), cwd=ROOT, env=env
        )

    def _functions_url(self, index: int) -> str:
        return f"http://127.0.0.1:{self._host_ports[index]}"

    def _write_settings(self) -> None:
        here = self.addresses
        of_erp = self.options.erp.settings(here.erp, here.token)
        values = (
            example_settings(self.options.erp)
            | of_erp
            | {
                "FUNCTIONS_WORKER_RUNTIME": "python",
                "AzureWebJobsStorage": here.tables,
                "ServiceBus": here.servicebus,
                "SERVICEBUS_CONTROL": here.servicebus_control,
                "TABLES_CONNECTION": here.tables,
                "DATAVERSE_URL": here.dataverse,
                "CREDENTIAL": "local",
                "LOCAL_TOKEN": here.token,
                "HEALTH_KEY": here.function_key,
                "CONSOLE_LOGIN": "off" if self._core_tools else "local",  # `func` has no sign-in
            }
        )
        content = {"IsEncrypted": False, "Values": values | dict(self.options.settings)}
        self._settings_file.write_text(json.dumps(content, indent=2), encoding="utf-8")

    async def _stop(self) -> None:
        """Hosts first, so that they can settle what they hold; then the rest."""
        await asyncio.gather(*(host.stop() for host in self._hosts.values()))
        await asyncio.gather(*(part.stop(within=10) for part in self._parts.values()))


def example_settings(erp: Erp = OPERATIONS) -> dict[str, str]:
    """The Values of local.settings.json.example that do not belong to another ERP."""
    file = ROOT / "local.settings.json.example"
    values: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["Values"]
    return {name: value for name, value in values.items() if not belongs_to_another(name, erp)}


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """The folder for settings and logs: the wanted one, or a temporary one, kept only after an error."""
    folder = wanted or Path(tempfile.mkdtemp(prefix="account-sync-"))
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    if wanted is None:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def _all_or_first_error() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first error comes out as it is, not wrapped in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except* Exception as errors:  # noqa: BLE001 - raised again
        first = errors.exceptions[0]
        raise first from None
