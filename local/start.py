"""`python -m local.start [--json FILE]`: the local stand, kept running until Ctrl-C or SIGTERM.

Out: the addresses and three commands to try; with `--json` the same addresses in a file, written in one go
once everything serves: {functions, function_key, servicebus, tables, dataverse, operations, token, control}.
`.stand/<port>/stand.json` says where the settings of a running stand are, for `accountsync --local`.
The ports are those of local.settings.json.example where they are free, else free ones.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import httpx

from local import commands
from local.child import ChildError
from local.demo.seed import seed
from local.lifetime import stop_when_told
from local.stand import ROOT, Addresses, Ports, Stand, StandOptions, example_settings

IN_FILE = ["functions", "function_key", "servicebus", "tables", "dataverse", "operations", "token", "control"]
CLAIM_PORT = 7070  # held by the stand that has the well-known ports, so that no two want them
EXAMPLE_CURRENCY, EXAMPLE_NUMBER = "Euro", "A-1001"
TEXT = """
The stand runs. Ctrl-C ends it. Settings and logs are in {folder}

  Functions    {functions}  (key {function_key})
  Dataverse    {dataverse}
  Operations   {operations}  (both: bearer token {token})
  Control      {control}  (faults, requests and state of both)
  Service Bus  {servicebus}
  Tables       {tables}

Try, one after the other:

  curl -s {functions}/api/health

  curl -s -X POST {dataverse}/api/data/v9.2/accounts -H "Authorization: Bearer {token}" \\
    -H "Content-Type: application/json" -w "%{{http_code}}\\n" -d '{body}'

  curl -s -H "Authorization: Bearer {token}" \\
    "{operations}/data/CustomersV3(dataAreaId='{company}',CustomerAccount='{number}')?cross-company=true"
"""


def main() -> int:
    """Parse the command line and run the stand; return the exit code."""
    try:
        asyncio.run(_run(commands.start().parse_args().json))
    except ChildError as error:
        sys.stderr.write(f"The stand cannot start: {error}\n")
        return 1
    return 0


async def _run(file: Path | None) -> None:
    stop = asyncio.ensure_future(stop_when_told(exit_with_parent=False).wait())
    running = asyncio.ensure_future(_serve(file))
    await asyncio.wait({stop, running}, return_when=asyncio.FIRST_COMPLETED)
    if stop.done():
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        sys.stderr.write("Stopped.\n")


async def _serve(file: Path | None) -> None:
    """Run the stand until this task is cancelled."""
    sys.stderr.write("Starting the stand ...\n")
    with _wanted_ports() as ports:
        folder = ROOT / ".stand" / str(ports.functions)
        shutil.rmtree(folder, ignore_errors=True)
        async with Stand.start(StandOptions(ports=ports, folder=folder)) as stand:
            await seed(stand)
            body = await _example_account(stand.addresses)
            if file is not None:
                _write_at_once(file, {name: getattr(stand.addresses, name) for name in IN_FILE})
            company = example_settings()["OPERATIONS_COMPANY"]
            example = {"body": body, "company": company, "number": EXAMPLE_NUMBER, "folder": folder}
            sys.stdout.write(TEXT.format(**asdict(stand.addresses), **example))
            sys.stdout.flush()
            with _announced(folder, stand.settings_file):
                await asyncio.Event().wait()


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
        dataverse=port("DATAVERSE_URL"),
        operations=port("OPERATIONS_URL"),
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
