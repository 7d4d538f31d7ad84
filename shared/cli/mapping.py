"""`accountsync mapping ... TABLE`: the tables that say which value in the ERP a value of Sales has.

`accountsync currency ...` are the same commands for the table of currencies.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import Signature, signature
from typing import Any

import typer

from shared.cli import mapping_commands as commands
from shared.cli.output import Output
from shared.cli.session import command
from shared.model.mapping import CURRENCIES
from shared.wiring.operator import Operator

type Work = Callable[..., Coroutine[Any, Any, None]]

app = typer.Typer(no_args_is_help=True, help="Show, change and check a mapping table, and undo changes.")
currency = typer.Typer(
    no_args_is_help=True, help="Show, change and check the currency mapping, and undo changes."
)


def _of_currencies(
    work: Work,
) -> Work:
    """Return the same command for the table of currencies, without the argument that names the table."""

    @wraps(work)
    async def run(operator: Operator, output: Output, **options: Any) -> None:
        await work(operator, output, table=CURRENCIES.name, **options)

    own = [given for name, given in signature(work).parameters.items() if name != "table"]
    run.__signature__ = Signature(own)  # pyright: ignore[reportAttributeAccessIssue] - `command` reads it
    return run


_COMMANDS: tuple[tuple[str, Work, str, str], ...] = (
    ("list", commands.list_rows, "", ""),
    ("get", commands.get, '"US Dollar"', '"Net 30"'),
    ("set", commands.set_row, '"US Dollar" USD', '"Net 30" N030'),
    ("delete", commands.delete, '"US Dollar" --yes', '"Net 30" --yes'),
    ("export", commands.export, "currencies.xlsx", "terms.xlsx"),
    ("import", commands.import_file, "currencies.xlsx --dry-run", "terms.xlsx --dry-run"),
    ("history", commands.history, "", ""),
    ("undo", commands.undo, "--dry-run", "--dry-run"),
    ("check", commands.check, "", ""),
)
"""Each command: its name, its work, and what follows in its example for currencies and for payment terms."""

for _name, _work, _of_currency, _of_terms in _COMMANDS:
    _example = f"Example: accountsync currency {_name} {_of_currency}".rstrip()
    currency.command(_name, epilog=_example)(command(_of_currencies(_work)))
    _example = f"Example: accountsync mapping {_name} payment-terms {_of_terms}".rstrip()
    app.command(_name, epilog=_example)(command(_work))
