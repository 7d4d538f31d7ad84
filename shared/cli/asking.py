"""Asks a person before something is changed."""

import sys

import typer

from shared.cli.exits import CommandError, Exit


def ask(question: str) -> None:
    """Go on only with a yes. Raises CommandError, also where nobody can be asked."""
    if not sys.stdin.isatty():
        message = "Nobody can be asked here: give --yes to go on without asking."
        raise CommandError(Exit.USAGE, message)
    if not typer.confirm(question, err=True):
        raise CommandError(Exit.REFUSED, "Nothing was changed.")
