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

_HEADERS = ("Step", "System", "Status", "Took", "When")
_WIDEST, _LEAST = 48, 24  # characters of the bars; of names and bars together
_GAPS = 12  # between the columns
_INDENT = 2
_KEPT = 7  # characters before what is left out of a long name


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
    drawn, width = bars(attempt), output.console.width
    texts = [_texts(bar) for bar in drawn]
    others = sum(max(map(len, column)) for column in list(zip(_HEADERS[:4], *texts, strict=True))[1:])
    room = max(_LEAST, width - others - _GAPS)
    named = min(room // 2, max(len(line[0]) for line in texts))
    wide = min(_WIDEST, room - named)
    rows = [_row(bar, line, named, wide) for bar, line in zip(drawn, texts, strict=True)]
    output.console.print(table(_HEADERS, rows))
    if attempt.left_out:
        output.text(f"{attempt.left_out} short steps are left out: they did not fit into the row.")


def _texts(bar: Bar) -> tuple[str, ...]:
    step = bar.step
    return f"{' ' * _INDENT * step.depth}{shown(step.name)}", step.system, shown(step.status), bar.took


def _row(bar: Bar, texts: Sequence[str], named: int, wide: int) -> Sequence[str | Text]:
    name, system, status, took = texts
    length = max(1, round(bar.length * wide))
    start = min(round(bar.begins * wide), wide - length)
    style = "red" if bar.failed else "cyan" if bar.step.depth else "green"
    drawn = Text(f"{' ' * start}{'█' * length}{' ' * (wide - start - length)}", style)
    return _short(name, named), system, Text(status, "red" if bar.failed else ""), took, drawn


def _short(name: str, longest: int) -> str:
    """Shorten a name in its middle: a request is known by its method and the end of its path."""
    return name if len(name) <= longest else f"{name[:_KEPT]}…{name[len(name) - longest + _KEPT + 1 :]}"
