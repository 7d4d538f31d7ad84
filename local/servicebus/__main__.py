"""`python -m local.servicebus --config FILE --port N --control-port N`: the broker as a process of its own.

Prints one line of JSON when it serves, logs to stderr, ends on SIGTERM, SIGINT or (with
--exit-with-parent) at the end of its standard input. Port 0 takes a free one.
"""

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

from aiohttp import web

from local.lifetime import announce_ready, stop_when_told
from local.servicebus.broker import Broker
from local.servicebus.config import ConfigFault, read_config
from local.servicebus.connection import Connection
from local.servicebus.control import control_app
from local.servicebus.hub import IDLE_TIME_OUT, Hub

HOST = "127.0.0.1"
DEFAULT_CONFIG = Path(__file__).with_name("Config.json")
DEFAULT_PORT = 5672


def connection_string(port: int) -> str:
    """What a client needs; the key is no secret, any is accepted."""
    return (
        f"Endpoint=sb://{HOST}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.servicebus", description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="the official emulator's Config.json"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="AMQP; 0: a free one")
    parser.add_argument("--control-port", type=int, default=0, help="HTTP; 0: a free one")
    parser.add_argument("--idle-timeout", type=float, default=IDLE_TIME_OUT, help="seconds")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stop = stop_when_told(exit_with_parent=arguments.exit_with_parent)
    hub = Hub(Broker(read_config(arguments.config), time.time), idle_time_out=arguments.idle_timeout)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(hub), HOST, arguments.port)
    port = server.sockets[0].getsockname()[1]
    runner = web.AppRunner(control_app(hub), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, arguments.control_port)
    await site.start()
    control_port = runner.addresses[0][1]
    announce_ready(
        port=port, control=f"http://{HOST}:{control_port}", connection_string=connection_string(port)
    )
    try:
        await stop.wait()
    finally:
        server.close()
        hub.disconnect()
        await runner.cleanup()


def main() -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(_arguments()))
    except (ConfigFault, OSError) as error:
        print(f"The broker cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
