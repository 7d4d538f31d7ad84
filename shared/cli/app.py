"""The command `accountsync`: its options, its commands, and how it ends."""

import logging
import sys
import tomllib
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from shared.cli import (
    adopt,
    ask,
    catch_up,
    doctor,
    issues,
    load,
    mapping,
    reconcile,
    registration,
    repair,
    replay,
    status,
    trace,
    unlink,
)
from shared.cli.exits import exit_of
from shared.cli.output import shown, stack_of
from shared.cli.session import Chosen

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 refused, 2 usage, 3 settings or access, 4 not found, 5 somebody else "
    "changed it meanwhile, 6 a system does not answer, 7 a defect.",
)

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
_STACK = {"--stack", "--trace"}


def _say_version(wanted: bool) -> None:
    if wanted:
        project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
        typer.echo(f"accountsync {project['version']}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    local: Annotated[
        bool, typer.Option("--local", help="Work with the local stand that `dev.py start` runs.")
    ] = False,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings", help="A local.settings.json; without it, the environment.", dir_okay=False
        ),
    ] = None,
    stack: Annotated[bool, typer.Option("--stack", help="Show the stack of an error.")] = False,
    former: Annotated[bool, typer.Option("--trace", help="The former name of --stack.", hidden=True)] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Operate Account Sync: edit the mapping tables, explain accounts, repair, and show the state."""
    del version  # the callback has printed it
    context.obj = Chosen(settings, local, stack or former)


app.add_typer(mapping.app, name="mapping")
app.add_typer(mapping.currency, name="currency")
app.add_typer(load.app, name="load")
app.add_typer(reconcile.app, name="reconcile")
app.command(epilog="Example: accountsync explain A-1001")(ask.explain)
app.command(epilog="Example: accountsync preview A-1001")(ask.preview)
app.command(epilog="Example: accountsync trace A-1001")(trace.trace)
app.command(epilog="Example: accountsync issues --cause UnmappedCurrency")(issues.issues)
app.command(epilog="Example: accountsync replay --cause UnmappedCurrency --rate 60")(replay.replay)
app.command(epilog='Example: accountsync unlink A-1001 --why "removed in the ERP"')(unlink.unlink)
app.command(epilog="Example: accountsync adopt-target --yes")(adopt.adopt_target)
app.command(epilog="Example: accountsync catch-up --dry-run")(catch_up.catch_up)
app.add_typer(repair.rejected, name="rejected")
app.add_typer(repair.dead_letters, name="dead-letters")
app.command(epilog="Example: accountsync pause --system operations")(repair.pause)
app.command(epilog="Example: accountsync resume")(repair.resume)
app.command(epilog="Example: accountsync status --check")(status.status)
app.command(epilog="Example: accountsync watch --every 5")(status.watch)
app.command(epilog="Example: accountsync doctor --now")(doctor.doctor)
app.command(epilog="Example: accountsync register --solution AccountSync --dry-run")(registration.register)
app.command(epilog="Example: accountsync registration")(registration.registration)
app.command(epilog="Example: accountsync unregister --dry-run")(registration.unregister)


def main() -> int:
    """Run the command line. Every result has its exit code; a stack trace is shown only on request."""
    logging.disable(logging.CRITICAL)  # the app's log lines are no part of the tool's output
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(prog_name="accountsync")
    except SystemExit as end:
        return int(end.code or 0) if isinstance(end.code, int | None) else 1
    except BaseException as error:  # noqa: BLE001 - the end of the process: every error has its exit code
        code, line = exit_of(error)
        if _STACK & {*sys.argv}:
            sys.stderr.write(stack_of(error))
        sys.stderr.write(f"Error: {shown(line)}\n")
        return int(code)
    return 0
