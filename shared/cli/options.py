"""The options that commands share."""

import getpass
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything is changed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Strict = Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")]


def user() -> str:
    """The name of whoever runs the command."""
    try:
        return getpass.getuser()
    except OSError:
        return "unknown"


By = Annotated[str, typer.Option("--by", help="Who is named in the history.", default_factory=user)]
