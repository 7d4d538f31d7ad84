"""The options that commands share."""

import getpass
from typing import Annotated

import typer

from shared.model.outcome import Cause

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything is changed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Strict = Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")]


def _known_cause(text: str) -> str:
    cause, bar, value = text.partition("|")
    try:
        return f"{Cause(cause)}{bar}{value}" if text else text
    except ValueError:
        message = f'There is no cause "{text}"; the causes are {", ".join(Cause)}.'
        raise typer.BadParameter(message) from None


CauseOption = Annotated[
    str,
    typer.Option(
        "--cause",
        help='One cause, such as UnmappedCurrency, or one value of it, "UnmappedCurrency|us dollar".',
        autocompletion=lambda: [str(cause) for cause in Cause],
        callback=_known_cause,
    ),
]


def user() -> str:
    """Return the name of the person who runs the command."""
    try:
        return getpass.getuser()
    except OSError:
        return "unknown"


By = Annotated[str, typer.Option("--by", help="Who is named in the history.", default_factory=user)]
