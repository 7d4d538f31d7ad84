"""Run the simulators, Dataverse and the ERPs.

Options enter on the command line, one line of JSON on standard output says where they are.
"""

import argparse
import asyncio
import logging
import os
import sys

from local.dynamics.simulator import Simulator
from local.dynamics.systems import Options
from local.lifetime import announce_ready, stop_when_told

ERPS = ("operations", "business-central", "nav")


def read_options(arguments: list[str]) -> tuple[Options, bool]:
    """The command line as options, and whether to end with the parent process."""
    parser = argparse.ArgumentParser(prog="python -m local.dynamics", description=__doc__)
    for name in ("dataverse", *ERPS, "control"):
        parser.add_argument(f"--{name}-port", type=int, default=0, metavar="PORT", help="0 for a free port")
    parser.add_argument("--token", default=os.environ.get("LOCAL_TOKEN"), help="the token that all accept")
    parser.add_argument("--servicebus", metavar="CONNECTION_STRING", help="post events to this namespace")
    parser.add_argument("--queue", default="dataverse-events", help="the queue that events are posted to")
    parser.add_argument("--webhook", metavar="URL", help="post events to this webhook")
    parser.add_argument("--webhook-key", metavar="KEY", help="sent as ?code=")
    parser.add_argument("--tls", action="store_true", help="serve over TLS, certificate in the ready line")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")
    given = parser.parse_args(arguments)
    options = Options(
        dataverse_port=given.dataverse_port,
        erp_ports={name: getattr(given, f"{name.replace('-', '_')}_port") for name in ERPS},
        control_port=given.control_port,
        servicebus=given.servicebus,
        queue=given.queue,
        webhook=given.webhook,
        webhook_key=given.webhook_key,
        tls=given.tls,
        **({"token": given.token} if given.token else {}),
    )
    return options, given.exit_with_parent


async def serve(options: Options, *, exit_with_parent: bool) -> None:
    """Serve until told to stop."""
    stop = stop_when_told(exit_with_parent=exit_with_parent)
    simulator = Simulator(options)
    try:
        announce_ready(**await simulator.start())
        await stop.wait()
    finally:
        await simulator.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    chosen, with_parent = read_options(sys.argv[1:])
    asyncio.run(serve(chosen, exit_with_parent=with_parent))
