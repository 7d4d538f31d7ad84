"""`python -m local.chaos [--target T] [--events N] [--accounts N] [--seed S] [--numbering MODE]`.

Exit code 1 if an invariant was violated, or if the run could not be carried out.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import httpx
from rich.console import Console

from local import commands
from local.chaos.conditions import Conditions, Numbering
from local.chaos.report import show, write_json
from local.chaos.run import Result, run
from local.child import ChildError
from local.commands import FULL_KILLS, FULL_OUTAGE, FULL_SIZE

NUMBERINGS: dict[str, tuple[Numbering, ...]] = {
    "given": ("given",),
    "assigned": ("assigned",),
    "both": ("given", "assigned"),
}


def main() -> int:
    """Parse the command line and run; return the exit code."""
    arguments = _arguments()
    console = Console()
    results: list[Result] = []
    try:
        for numbering in NUMBERINGS[arguments.numbering]:
            folder = arguments.folder and arguments.folder / numbering
            results.append(asyncio.run(_run(_conditions(arguments, numbering), folder, console)))
            show(results[-1], console)
    except (ChildError, httpx.HTTPError) as error:
        console.print(f"[red]The chaos run failed:[/] {error!r}, seed {arguments.seed}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143
    if arguments.json:
        write_json(results, arguments.json)
    return 0 if all(result.good for result in results) else 1


async def _run(conditions: Conditions, folder: Path | None, console: Console) -> Result:
    task = asyncio.current_task()
    assert task is not None
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with console.status("") as status:
        return await run(conditions, status.update, folder)


def _conditions(arguments: argparse.Namespace, numbering: Numbering) -> Conditions:
    """Fewer events than by default mean fewer kills and shorter outages, unless they are asked for."""
    share = arguments.events / FULL_SIZE
    kills = max(1, round(FULL_KILLS * share)) if arguments.kills is None else arguments.kills
    outage = max(3.0, FULL_OUTAGE * min(1.0, share)) if arguments.outage is None else arguments.outage
    return Conditions(
        target=arguments.target,
        events=arguments.events,
        accounts=arguments.accounts,
        seed=arguments.seed,
        numbering=numbering,
        kills=kills,
        rate=arguments.rate,
        outage=outage,
    )


def _arguments() -> argparse.Namespace:
    parser = commands.chaos()
    arguments = parser.parse_args()
    if arguments.accounts < 2 or arguments.events < 2 * arguments.accounts:
        parser.error("--events: at least twice as many as --accounts, and of these at least 2")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
