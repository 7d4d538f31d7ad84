"""The whole stand: ready, restartable, and gone without a trace however it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import httpx
import pytest
from azure.data.tables.aio import TableServiceClient

from local.child import Child, ChildError
from local.ports import free_port, is_free
from local.stand import TABLES, Stand
from local.stand_options import Ports, StandOptions
from local.start import well_known_ports
from tests.host.hosting import ROOT, until

IN_FILE = ["functions", "function_key", "servicebus", "tables", "dataverse", "operations", "token", "control"]
IN_FILE += ["settings", "console"]


async def test_everything_serves_when_the_stand_is_ready(tmp_path: Path) -> None:
    before = _below(os.getpid())
    async with Stand.start(StandOptions(hosts=2, folder=tmp_path, core_tools=False)) as stand:
        for url in stand.function_urls():
            async with httpx.AsyncClient(timeout=60) as client:
                assert (await client.get(f"{url}/api/health")).status_code == 200
        async with TableServiceClient.from_connection_string(stand.addresses.tables) as service:
            assert {table.name async for table in service.list_tables()} == set(TABLES)
        await stand.restart_host(1, kill=True)
        async with httpx.AsyncClient(timeout=60) as client:
            assert (await client.get(f"{stand.function_urls()[1]}/api/health")).status_code == 200
        started = _below(os.getpid())
        assert len(started - before) >= 6  # tables (two processes), broker, both systems, two hosts
    await _all_end(started - before)


async def test_a_part_that_does_not_start_is_named_with_its_reason(tmp_path: Path) -> None:
    before = _below(os.getpid())
    (tmp_path / "Config.json").write_text("{")
    options = StandOptions(broker_config=tmp_path / "Config.json", folder=tmp_path, core_tools=False)
    with pytest.raises(ChildError, match="broker did not start") as error:
        async with Stand.start(options):
            pass
    assert len(str(error.value).splitlines()) == 1
    await _all_end(_below(os.getpid()) - before)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
async def test_the_started_stand_ends_with_its_process(tmp_path: Path, number: int, code: int) -> None:
    file = tmp_path / "addresses.json"
    with (tmp_path / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "dev.py", "start", "--json", str(file)), cwd=ROOT, stdout=DEVNULL, stderr=output
        )
    ended = asyncio.ensure_future(process.wait())
    await until(lambda: file.exists() or ended.done(), 60, "the addresses are written")
    assert file.exists(), (tmp_path / "output").read_text()
    addresses = json.loads(file.read_text())
    assert list(addresses) == IN_FILE
    started = _below(process.pid)
    assert len(started) >= 5
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), 30) == code
    ports = [
        int(addresses[name].rpartition(":")[2])
        for name in ("functions", "dataverse", "operations", "control")
    ]
    await until(lambda: all(is_free(port) for port in ports), 30, "nothing listens any more")
    await _all_end(started)


@pytest.mark.parametrize("own_functions", [True, False])
async def test_what_start_prints_can_be_copied(tmp_path: Path, own_functions: bool) -> None:
    """With functions of its own, and with a host that has no settings but those of the example."""
    options = [] if own_functions else ["--without-functions"]
    output, file = tmp_path / "output", tmp_path / "addresses.json"
    command = [sys.executable, "dev.py", "start", "--json", str(file), *options]
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=log, stderr=log)
    host = None
    try:
        await until(lambda: "cross-company" in output.read_text(), 60, "the stand runs")
        text, addresses = output.read_text(), json.loads(file.read_text())
        if not own_functions:
            assert f"  . .venv/bin/activate && func start --port {_port(addresses['functions'])}" in text
            settings = _example_at_the_ports_of(addresses, tmp_path)
            host = await _host(settings, _port(addresses["functions"]), tmp_path)
        else:
            await _signs_in(addresses["console"], text)
        health, created, customer = [await _printed_by(command) for command in _curl_commands(text)]
        assert json.loads(health)["status"] == "ok"
        assert created.strip() == "204"
        assert json.loads(customer)["CustomerAccount"] == "A-1001"
        for part in (*addresses["servicebus"].split(";"), *addresses["tables"].split(";")):
            name, _, value = part.partition("=")
            assert not name.endswith("Key") or value not in text, "a key that no command needs"
    finally:
        if host is not None:
            await host.stop()
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def _signs_in(link: str, printed: str) -> None:
    """The link is printed and opens the operator's page; without it nobody gets there."""
    assert f"  {link}\n" in printed
    async with httpx.AsyncClient(follow_redirects=True) as client:
        page = link.partition("/.auth")[0] + "/api/console/"
        assert (await client.get(page)).status_code in {301, 302, 401, 403}
        answer = await client.get(link)
    assert (str(answer.url), answer.status_code) == (page, 200)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")


def _curl_commands(text: str) -> list[str]:
    """The commands to try, one a paragraph."""
    return [part for part in text.split("\n\n") if part.startswith("  curl ")]


async def _printed_by(command: str) -> str:
    process = await asyncio.create_subprocess_shell(command, stdout=subprocess.PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, command
    return printed.decode()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _example_at_the_ports_of(addresses: dict[str, str], folder: Path) -> Path:
    """The example settings as they are, but for ports that were taken when the stand started."""
    text = (ROOT / "local.settings.json.example").read_text(encoding="utf-8")
    usual, running = well_known_ports(), json.loads(Path(addresses["settings"]).read_text())["Values"]
    for setting, port in (
        ("ServiceBus", usual.servicebus),
        ("TABLES_CONNECTION", usual.tables),
        ("DATAVERSE_URL", usual.dataverse),
        ("OPERATIONS_URL", usual.erp),
    ):
        found = re.search(r"(?:TableEndpoint=http|sb|^http)://127\.0\.0\.1:(\d+)", running[setting])
        assert found is not None, setting
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{found[1]}")
    file = folder / "local.settings.json"
    file.write_text(text, encoding="utf-8")
    return file


async def _host(settings: Path, port: int, folder: Path) -> Child:
    """The app, as `func start` would run it."""
    arguments = ["--app", str(ROOT), "--settings", str(settings), "--port", str(port), "--function-key", "x"]
    return await Child.start("host", "local.host", arguments, folder / "host.log", cwd=ROOT)


def test_a_wanted_port_that_is_taken_is_replaced() -> None:
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        assert Ports(functions=taken).free().functions != taken
    assert Ports(functions=taken).free().functions == taken


def test_the_well_known_ports_are_those_of_the_example_settings() -> None:
    ports = well_known_ports()
    assert (ports.functions, ports.servicebus, ports.tables) == (7071, 5672, 10002)
    assert ports.dataverse
    assert ports.erp


def _running() -> dict[int, int]:
    """All processes with their parents, without those that ended and were not yet waited for."""
    listing = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listing.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def _below(pid: int) -> set[int]:
    """The processes that this one has started, and theirs."""
    running, found = _running(), {pid}
    while more := {child for child, parent in running.items() if parent in found} - found:
        found |= more
    return found - {pid}


async def _all_end(processes: set[int]) -> None:
    await until(lambda: not processes & _running().keys(), 30, "all processes ended")
