"""`python -m local.azurite`: Azurite's table service as a local server of the stand.

In: a port, a folder (or none: all in memory). Out: one line of JSON with its address and connection string
once it serves. Telemetry is off; nothing is reachable from other machines. With `--blob-port` and
`--queue-port` the blob and queue services run too, which only the Azure Functions Core Tools need. Source:
github.com/Azure/Azurite.
"""

import argparse
import asyncio
import contextlib
import re
import shutil
import sys
from pathlib import Path

from local.lifetime import announce_ready, stop_when_told
from local.ports import free_port

LOCAL = Path(__file__).parent
CLOSE_SECONDS = 5.0
ACCOUNT = "devstoreaccount1"
# The account key that everyone's Azurite has; it is printed in Azurite's own documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_BOOLEANS = ("--disableTelemetry", "--skipApiVersionCheck")
_READY = re.compile(rb"Table service (?:successfully started|is successfully listening)")


class AzuriteError(Exception):
    """Azurite is not installed or did not start."""


def connection_string(ports: dict[str, int]) -> str:
    """The connection string for services on these ports, by name: table, and maybe blob and queue."""
    endpoints = "".join(
        f"{service.capitalize()}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        for service, port in ports.items()
    )
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};{endpoints}"


def main() -> int:
    """Parse the command line, run Azurite until told to stop; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.azurite", description=__doc__)
    parser.add_argument("--port", type=int, default=10002, help="of the table service; 0 takes a free one")
    parser.add_argument("--folder", type=Path, help="keep the data here; in memory if not given")
    parser.add_argument("--access-log", action="store_true", help="a line on standard error for each request")
    parser.add_argument("--blob-port", type=int, default=0, help="run the blob service as well, here")
    parser.add_argument("--queue-port", type=int, default=0, help="run the queue service as well, here")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end at end-of-file of standard input"
    )
    try:
        return asyncio.run(_run(parser.parse_args()))
    except AzuriteError as error:
        sys.stderr.write(f"{error}\n")
        return 1


async def _run(arguments: argparse.Namespace) -> int:
    stop = stop_when_told(exit_with_parent=arguments.exit_with_parent)
    ports = {"table": arguments.port or free_port()}
    if arguments.blob_port and arguments.queue_port:
        ports |= {"blob": arguments.blob_port, "queue": arguments.queue_port}
    process = await asyncio.create_subprocess_exec(
        *_command(ports, arguments.folder, access_log=arguments.access_log),
        stdin=asyncio.subprocess.PIPE,  # ends with this process, and with it Azurite
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    ready = asyncio.Event()
    relay = asyncio.ensure_future(_relay(process, ready))
    try:
        return await _serve(process, ports, ready, stop)
    finally:
        await _end(process)
        await relay


async def _serve(
    process: asyncio.subprocess.Process, ports: dict[str, int], ready: asyncio.Event, stop: asyncio.Event
) -> int:
    ended = asyncio.ensure_future(process.wait())
    waits = {ended, asyncio.ensure_future(ready.wait()), asyncio.ensure_future(stop.wait())}
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if ready.is_set():
        table = f"http://127.0.0.1:{ports['table']}/{ACCOUNT}"
        announce_ready(tables=table, connection_string=connection_string(ports))
        await asyncio.wait({ended, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    return 0 if stop.is_set() else process.returncode or 1


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let Azurite write what it holds; its shut-down is known to hang, so not for long."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _relay(process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
    """Pass Azurite's output on to standard error; set `ready` at the line that says so."""
    assert process.stdout is not None
    async for line in process.stdout:
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
        if _READY.search(line):
            ready.set()


def _command(ports: dict[str, int], folder: Path | None, *, access_log: bool) -> list[str]:
    node = shutil.which("node")
    entry = LOCAL / "node_modules/azurite/dist/src" / ("azurite.js" if "blob" in ports else "table/main.js")
    if node is None:
        raise AzuriteError("Azurite needs Node 18 or later: node is not on the PATH")
    if not entry.is_file():
        raise AzuriteError("Azurite is not installed: run `npm ci` in the folder local")
    command = [node, "--require", str(LOCAL / "exit_with_parent.cjs"), str(entry), *_BOOLEANS]
    for service, port in ports.items():
        command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
    command += ["--location", str(folder.resolve())] if folder else ["--inMemoryPersistence"]
    return command if access_log else [*command, "--silent"]


if __name__ == "__main__":
    sys.exit(main())
