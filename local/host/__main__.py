"""`python -m local.host`: run an Azure Functions Python app folder, print one line of JSON once it serves.

The ready line: {"ready": true, "functions": "http://127.0.0.1:N", "function_names": [...],
"master_key": "..."}. Logs go to standard error, one JSON object a line. Exit code 1 with one line of text if
the app cannot start.
"""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path

from local.host.config import ConfigError
from local.host.host import Host, Options
from local.host.routes import RouteError
from local.host.worker import IndexingError
from local.lifetime import announce_ready, stop_when_told


def main() -> int:
    """Parse the command line and run the host; return the exit code."""
    arguments = _parser().parse_args()
    options = Options(
        app=arguments.app.resolve(),
        settings=arguments.settings.resolve(),
        port=arguments.port,
        function_key=arguments.function_key,
        master_key=arguments.master_key or secrets.token_urlsafe(24),
        log_file=arguments.log_file.resolve() if arguments.log_file else None,
        log_level=arguments.log_level,
        drain_seconds=arguments.drain_seconds,
    )
    sys.stdout = sys.stderr  # what the app prints must not mix with the ready line
    try:
        asyncio.run(_run(options, exit_with_parent=arguments.exit_with_parent))
    except (ConfigError, IndexingError, RouteError) as error:
        sys.stderr.write(f"The app cannot start: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The host cannot start: {error}\n")
        return 1
    return 0


async def _run(options: Options, *, exit_with_parent: bool) -> None:
    stop = stop_when_told(exit_with_parent=exit_with_parent)
    host = await Host.start(options, stop)
    announce_ready(functions=host.address, function_names=host.function_names, master_key=options.master_key)
    await host.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder with function_app.py and host.json")
    parser.add_argument("--settings", type=Path, required=True, help="a local.settings.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one")
    parser.add_argument("--function-key", required=True, help="the key of all functions of level FUNCTION")
    parser.add_argument("--master-key", help="the key of level ADMIN and /admin; made up if not given")
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("--log-level", help="instead of host.json's logging.logLevel.default")
    parser.add_argument(
        "--drain-seconds", type=float, default=30.0, help="time for running invocations at the end"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end at end-of-file of standard input"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
