"""`python -m local.core_tools`: the app in Microsoft's own host, `func start`, run like `local.host`.

In: the command line of `local.host`. Out: the same ready line. The settings are handed over in the
environment, which `func` prefers to its local.settings.json. Differences: `func start` asks for no keys, and
its log is text, not JSON lines. Needs the Azure Functions Core Tools 4 and Azurite with blobs.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
from pathlib import Path

import httpx

from local.host.config import ConfigError, read_settings
from local.lifetime import announce_ready, stop_when_told

READY_SECONDS = 55.0


def main() -> int:
    """Parse the command line and run `func` until told to stop; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.core_tools", description=__doc__)
    parser.add_argument("--app", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--log-file", type=Path, required=True)
    parser.add_argument("--function-key", help="accepted and not used: func start asks for none")
    parser.add_argument("--master-key", help="accepted and not used")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end at end-of-file of standard input"
    )
    try:
        return asyncio.run(_run(parser.parse_args()))
    except (ConfigError, OSError, TimeoutError) as error:
        sys.stderr.write(f"func cannot start: {error}\n")
        return 1


async def _run(arguments: argparse.Namespace) -> int:
    func = shutil.which("func")
    if func is None:
        raise ConfigError("the Azure Functions Core Tools are not on the PATH")
    stop = stop_when_told(exit_with_parent=arguments.exit_with_parent)
    settings = read_settings(arguments.settings)
    with arguments.log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(func, "start", "--port", str(arguments.port)),
            cwd=arguments.app,
            env={**os.environ, **settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{arguments.port}"
        announce_ready(functions=url, function_names=await _function_names(url, process), master_key="")
        await stop.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    return 0


async def _function_names(url: str, process: asyncio.subprocess.Process) -> list[str]:
    """The functions, as soon as the host answers; raise `TimeoutError`, or `ConfigError` if it has ended."""
    async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(READY_SECONDS):
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                status = await client.get("/admin/host/status")
                if status.status_code == 200 and status.json().get("state") == "Running":
                    functions = await client.get("/admin/functions")
                    return [function["name"] for function in functions.json()]
            await asyncio.sleep(0.5)
    raise ConfigError(f"func ended with exit code {process.returncode}, its log says why")


if __name__ == "__main__":
    sys.exit(main())
