"""`python -m local.demo [--target T] [--accounts N] [--events N] [--json FILE] [--keep]`.

Exit code 1 if anything differs.
"""

import argparse
import asyncio
import signal
import sys

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local import commands
from local.child import ChildError
from local.demo.errors import DemoError
from local.demo.report import show, write_json
from local.demo.run import SETTINGS, Result, run
from local.erps.by_target import ERPS
from local.lifetime import stop_when_told
from local.stand import Stand

FEWEST_ACCOUNTS = 5


def main() -> int:
    """Parse the command line and run; return the exit code."""
    arguments = _arguments()
    console = Console()
    shortened = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
    console.print(
        f"Local stand with shorter waits than by default: {shortened}", highlight=False, style="dim"
    )
    try:
        result = asyncio.run(_run(arguments, console))
    except (ChildError, DemoError, httpx.HTTPError) as error:
        console.print(f"[red]The demonstration failed:[/] {error!s}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143
    if not arguments.keep:
        show(result, console)
        console.print("With --keep the stand stays, and the operator's page shows all of it.", style="dim")
    if arguments.json:
        write_json(result, arguments.json)
    return 1 if result.differences or result.lost else 0


async def _run(arguments: argparse.Namespace, console: Console) -> Result:
    task = asyncio.current_task()
    assert task is not None
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=console.is_terminal) as bar:
        shown = bar.add_task("", total=arguments.events)

        def progress(what: str, ended: int) -> None:
            bar.update(shown, description=what, completed=ended)

        async def keep(stand: Stand, result: Result) -> None:
            bar.stop()
            show(result, console)
            link = stand.console_link()
            console.print(
                f"The operator's page, until Ctrl-C:\n\n  {link}\n", highlight=False, soft_wrap=True
            )
            await stop_when_told(exit_with_parent=False).wait()

        wait = keep if arguments.keep else None
        return await run(ERPS[arguments.target], arguments.accounts, arguments.events, progress, wait)


def _arguments() -> argparse.Namespace:
    parser = commands.demo()
    arguments = parser.parse_args()
    if arguments.accounts < FEWEST_ACCOUNTS:
        parser.error(f"--accounts: at least {FEWEST_ACCOUNTS}, so that there is something to see")
    if arguments.events < arguments.accounts:
        parser.error("--events: at least as many as --accounts, because each creation is an event")
    if arguments.json and not arguments.json.resolve().parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.resolve().parent}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
