"""`python -m local.start`: the local stand, kept running until Ctrl-C or SIGTERM.

Out: the addresses and three commands to try; with `--json` the addresses in a file, written in one go once
everything serves, with connection strings, and `settings`, the path of the settings file.
`.stand/<port>/stand.json` says where the settings of a running stand are, for `accountsync --local`.
Token, key and ports are those of local.settings.json.example; only a port that is taken is another one.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from local import commands
from local.child import ChildError
from local.demo.seed import seed
from local.erps.by_target import ERPS
from local.erps.erp import Erp
from local.lifetime import stop_when_told
from local.stand import Stand, example_settings
from local.stand_options import ROOT, Addresses, Ports, StandOptions

BLOBS, QUEUES = 10000, 10001  # where UseDevelopmentStorage=true expects them
CLAIM_PORT = 7070  # held by the stand that has the well-known ports, so that no two want them
EXAMPLE_CURRENCY, EXAMPLE_NUMBER = "Euro", "A-1001"
TEXT = """
{what} Ctrl-C ends it. Settings and logs: {folder}

{places}
{console}{start_functions}
Try, one after the other:

  curl -s {functions}/api/health

  curl -s -X POST {dataverse}/api/data/v9.2/accounts -H "Authorization: Bearer {token}" \\
    -H "Content-Type: application/json" -w "%{{http_code}}\\n" -d '{body}'

{look_up}"""
CONSOLE = """
The operator's page; these links sign in as operator and as administrator:

  {link}
  {administrator}
"""
START_FUNCTIONS = """
Start the functions in another terminal:

  cd {root} && cp {settings} local.settings.json
  . .venv/bin/activate && func start --port {port}
"""


def main() -> int:
    """Parse the command line and run the stand; return the exit code."""
    try:
        asyncio.run(_run(commands.start().parse_args()))
    except ChildError as error:
        sys.stderr.write(f"The stand cannot start: {error}\n")
        return 1
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.ensure_future(stop_when_told(exit_with_parent=False).wait())
    running = asyncio.ensure_future(
        _serve(ERPS[arguments.target], arguments.json, 0 if arguments.without_functions else 1)
    )
    await asyncio.wait({stop, running}, return_when=asyncio.FIRST_COMPLETED)
    if stop.done():
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        sys.stderr.write("Stopped.\n")


async def _serve(erp: Erp, file: Path | None, hosts: int) -> None:
    """Run the stand until this task is cancelled."""
    sys.stderr.write("Starting the stand ...\n")
    example = example_settings()
    with _wanted_ports() as ports:
        folder = ROOT / ".stand" / str(ports.functions)
        shutil.rmtree(folder, ignore_errors=True)
        options = StandOptions(
            erp=erp,
            ports=ports,
            folder=folder,
            hosts=hosts,
            token=example["LOCAL_TOKEN"],
            function_key=example["HEALTH_KEY"],
        )
        async with Stand.start(options) as stand:
            await seed(stand)
            text = await _text(stand)
            if file is not None:
                _write_at_once(file, _in_file(stand))
            sys.stdout.write(text)
            sys.stdout.flush()
            with _announced(folder, stand.settings_file):
                await asyncio.Event().wait()


def _in_file(stand: Stand) -> dict[str, str]:
    """What the file of `--json` says: the ERP under the name of the target."""
    here = stand.addresses
    return {
        "functions": here.functions,
        "function_key": here.function_key,
        "servicebus": here.servicebus,
        "tables": here.tables,
        "dataverse": here.dataverse,
        stand.options.erp.target: here.erp,
        "token": here.token,
        "control": here.control,
        "settings": str(stand.settings_file),
        "console": stand.console_link(),
    }


async def _text(stand: Stand) -> str:
    """What is printed: addresses without keys, and commands to copy."""
    here, erp = stand.addresses, stand.options.erp
    functions = START_FUNCTIONS.format(
        root=shlex.quote(str(ROOT)),
        settings=shlex.quote(str(stand.settings_file.relative_to(ROOT))),
        port=urlsplit(here.functions).port,
    )
    return TEXT.format(
        **asdict(here),
        what="The stand runs." if stand.options.hosts else "The stand runs without the functions.",
        console=_console(stand),
        start_functions="" if stand.options.hosts else functions,
        folder=stand.folder,
        body=await _example_account(here),
        places=_places(here, erp.title),
        look_up=erp.look_up.format(
            url=here.erp, authorization=erp.authorization(here.token), number=EXAMPLE_NUMBER
        ),
    )


def _console(stand: Stand) -> str:
    """The links to the operator's page; nothing where the host has no sign-in."""
    links = {"link": stand.console_link(), "administrator": stand.console_link("administrator")}
    return CONSOLE.format(**links) if stand.options.hosts and links["link"] else ""


def _places(here: Addresses, erp: str) -> str:
    """A line for each part of the stand, without keys."""
    places = {
        "Functions": here.functions,
        "Dataverse": here.dataverse,
        erp: here.erp,
        "Control": f"{here.control}  (faults, requests and state of both)",
        "Service Bus": _part_of(here.servicebus, "Endpoint"),
        "Tables": _part_of(here.tables, "TableEndpoint"),
    }
    width = max(map(len, places))
    return "\n".join(f"  {name:<{width}}  {address}" for name, address in places.items())


def _part_of(connection_string: str, name: str) -> str:
    """One part of a connection string."""
    return next(
        part.removeprefix(f"{name}=") for part in connection_string.split(";") if part.startswith(f"{name}=")
    )


@contextlib.contextmanager
def _wanted_ports() -> Iterator[Ports]:
    """The well-known ports for the first stand on this machine while it runs; free ones for any other."""
    try:
        claim = socket.create_server(("127.0.0.1", CLAIM_PORT))
    except OSError:
        yield Ports().free()
        return
    with claim:
        yield well_known_ports().free()


def well_known_ports() -> Ports:
    """The ports that local.settings.json.example names, and the one that `func start` has."""
    settings = example_settings()

    def port(setting: str, part: str = "") -> int:
        found = re.search(part + r"[^;]*?127\.0\.0\.1:(\d+)", settings.get(setting, ""))
        return int(found[1]) if found else 0

    return Ports(
        functions=7071,
        servicebus=port("ServiceBus"),
        tables=port("TABLES_CONNECTION", "TableEndpoint"),
        blobs=BLOBS,
        queues=QUEUES,
        dataverse=port("DATAVERSE_URL"),
        erp=port("OPERATIONS_URL"),
    )


async def _example_account(addresses: Addresses) -> str:
    """The JSON of an account to create, in a currency that is there and mapped."""
    async with httpx.AsyncClient(base_url=addresses.control) as control:
        state = (await control.get("/state", params={"system": "dataverse"})).raise_for_status().json()
    rows = state["dataverse"]["transactioncurrencies"]
    currency = next(row["transactioncurrencyid"] for row in rows if row["currencyname"] == EXAMPLE_CURRENCY)
    bind = f"/transactioncurrencies({currency})"
    return json.dumps(
        {"name": "Contoso", "accountnumber": EXAMPLE_NUMBER, "transactioncurrencyid@odata.bind": bind}
    )


@contextlib.contextmanager
def _announced(folder: Path, settings: Path) -> Iterator[None]:
    """Say where this stand's settings are, as long as it runs."""
    file = folder / "stand.json"
    _write_at_once(file, {"settings": str(settings)})
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _write_at_once(file: Path, content: dict[str, str]) -> None:
    """Write the file so that nobody ever sees half of it."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(file)


if __name__ == "__main__":
    sys.exit(main())
