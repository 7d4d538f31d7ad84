"""`accountsync trace`: draw the last attempt at an account as a waterfall."""

import asyncio
from collections.abc import Sequence

from rich.text import Text

from shared.cli.ask import Account
from shared.cli.exits import CommandError, Exit
from shared.cli.output import Output, plain, shown, table
from shared.cli.session import command
from shared.diagnostics.waterfall import Bar, bars, milliseconds
from shared.model.attempt import LastAttempt, decode_attempt
from shared.wiring.operator import Operator

_WIDTH = 32
_INDENT = 2
_LONGEST_NAME = 44


@command
async def trace(operator: Operator, output: Output, account: Account) -> None:
    """Draw the last attempt at an account that was stored, step by step: what it did and how long it took."""
    account_id = await operator.find_account.find(account)
    stored, named = await asyncio.gather(
        operator.ports.states.get(account_id), operator.name_accounts.of([account_id])
    )
    attempt = decode_attempt(stored.state.last_attempt) if stored else None
    if attempt is None:
        message = (
            f"No attempt at account {account_id} is stored. `accountsync replay {account_id}` makes one."
        )
        raise CommandError(Exit.NOT_FOUND, message)
    if output.as_json:
        names = named.of(account_id)._asdict()
        output.json({"account_id": account_id, **names, "last_attempt": plain(attempt)})
    else:
        output.text(f"Account {shown(named.of(account_id)) or account_id}", "bold")
        if named.trouble:
            output.text(shown(named.trouble), "yellow")
        _draw(output, attempt)


def _draw(output: Output, attempt: LastAttempt) -> None:
    output.text(
        f"Attempt {attempt.attempt + 1} at a change from {attempt.source}: {attempt.ending}. It began "
        f"{attempt.at:%Y-%m-%d %H:%M:%S} UTC and was stored after {milliseconds(attempt.duration)}."
    )
    if attempt.trace_id:
        output.text(f"Trace {attempt.trace_id}")
    output.text()
    headers = ("Step", "System", "Status", "Start", "Took", "")
    output.console.print(table(headers, map(_line, bars(attempt))))
    if attempt.left_out:
        output.text(f"{attempt.left_out} short steps are left out: they did not fit into the row.")


def _line(bar: Bar) -> Sequence[str | Text]:
    step = bar.step
    name = f"{' ' * _INDENT * step.depth}{shown(step.name)}"
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}…"
    start, length = round(bar.begins * _WIDTH), max(1, round(bar.length * _WIDTH))
    start = min(start, _WIDTH - length)
    style = "red" if bar.failed else "cyan" if step.depth else "green"
    drawn = Text(f"{' ' * start}{'█' * length}{' ' * (_WIDTH - start - length)}", style)
    status = Text(shown(step.status), "red" if bar.failed else "")
    return name, step.system, status, milliseconds(step.start), bar.took, drawn
