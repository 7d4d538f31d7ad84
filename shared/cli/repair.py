"""`accountsync pause | resume | rejected | dead-letters`: put right what went wrong."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from shared.cli.exits import CommandError, Exit
from shared.cli.options import By
from shared.cli.output import Output, shown
from shared.cli.session import command
from shared.model.faults import System
from shared.model.queues import Bin, Leftover
from shared.wiring.operator import Operator

_PREVIEW = 80


Systems = Annotated[
    list[System] | None, typer.Option("--system", help="Which system; may be given several times.")
]


@command
async def pause(operator: Operator, output: Output, by: By, system: Systems = None) -> None:
    """Hold all work back until `resume`: events are kept, nothing is written. Default: the ERP."""
    systems = system or [operator.erp.capabilities.system]
    await operator.breakers.pause(systems, by)
    _say(output, "Paused", systems)


@command
async def resume(operator: Operator, output: Output, system: Systems = None) -> None:
    """End a pause, or stop waiting for a system in trouble. Default: all systems."""
    known = await operator.breakers.states()
    systems = system or [breaker.system for breaker in known if breaker.paused_by or breaker.open_until]
    await operator.breakers.resume(systems)
    _say(output, "Resumed", systems)


def _say(output: Output, what: str, systems: Iterable[System]) -> None:
    names = [str(system) for system in systems]
    if output.as_json:
        output.json({what.lower(): names})
    else:
        output.text(f"{what}: {', '.join(names) or 'nothing was paused'}.")


rejected = typer.Typer(no_args_is_help=True, help="Events that could not be understood.")
dead_letters = typer.Typer(no_args_is_help=True, help="Messages that the queues gave up on.")
_DEAD = {
    "account-changes": Bin.CHANGE_DEAD_LETTERS,
    "dataverse-events": Bin.EVENT_DEAD_LETTERS,
    "load-pages": Bin.PAGE_DEAD_LETTERS,
}

Number = Annotated[int, typer.Argument(help="Its sequence number, as listed.")]
Numbers = Annotated[list[int] | None, typer.Argument(help="Sequence numbers, as listed.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


def _known_queue(queue: str) -> str:
    if queue not in _DEAD:
        message = f'There is no queue "{queue}": give one of {", ".join(_DEAD)}.'
        raise typer.BadParameter(message)
    return queue


Queue = Annotated[
    str,
    typer.Option(
        "--queue", help="One of account-changes, dataverse-events, load-pages.", callback=_known_queue
    ),
]


@rejected.command("list", epilog="Example: accountsync rejected list")
@command
async def list_rejected(operator: Operator, output: Output) -> None:
    """List the rejected events, oldest first, with the reason."""
    await _list(operator, output, [Bin.REJECTED])


@rejected.command("show", epilog="Example: accountsync rejected show 17")
@command
async def show_rejected(operator: Operator, output: Output, number: Number) -> None:
    """Show one event's body. It may hold personal data."""
    await _show(operator, output, Bin.REJECTED, number)


@rejected.command("resubmit", epilog="Example: accountsync rejected resubmit 17")
@command
async def resubmit_rejected(
    operator: Operator, output: Output, by: By, numbers: Numbers = None, all_: All = False
) -> None:
    """Send events to the queue of events again; those that are still not understood come back."""
    await _resubmit(operator, output, Bin.REJECTED, numbers, by, everything=all_)


@dead_letters.command("list", epilog="Example: accountsync dead-letters list")
@command
async def list_dead(operator: Operator, output: Output) -> None:
    """List the dead letters of each queue, oldest first, with the reason."""
    await _list(operator, output, list(_DEAD.values()))


@dead_letters.command("show", epilog="Example: accountsync dead-letters show 17 --queue account-changes")
@command
async def show_dead(
    operator: Operator, output: Output, number: Number, queue: Queue = "account-changes"
) -> None:
    """Show one dead letter's body. It may hold personal data."""
    await _show(operator, output, _DEAD[queue], number)


@dead_letters.command(
    "resubmit", epilog="Example: accountsync dead-letters resubmit --all --queue account-changes"
)
@command
async def resubmit_dead(
    operator: Operator,
    output: Output,
    by: By,
    numbers: Numbers = None,
    queue: Queue = "account-changes",
    all_: All = False,
) -> None:
    """Send dead letters to their queue again."""
    await _resubmit(operator, output, _DEAD[queue], numbers, by, everything=all_)


async def _list(operator: Operator, output: Output, places: list[Bin]) -> None:
    found = [(place, item) for place in places async for item in operator.ports.leftovers.peek(place)]
    if output.as_json:
        output.json([_leftover_as_json(place, item) for place, item in found])
    elif not found:
        output.text("There are none.")
    else:
        headers = ["Number", "Queue", "When (UTC)", "Reason", "Description", "Body"]
        output.table(headers, [_leftover_line(place, item) for place, item in found])


async def _show(operator: Operator, output: Output, place: Bin, number: int) -> None:
    async for item in operator.ports.leftovers.peek(place):
        if item.sequence_number == number:
            output.json(_leftover_as_json(place, item) | {"body": _body(item)})
            return
    raise CommandError(Exit.NOT_FOUND, f"There is no message {number} in {place}: list them again.")


async def _resubmit(
    operator: Operator, output: Output, place: Bin, numbers: list[int] | None, by: str, *, everything: bool
) -> None:
    if bool(numbers) == everything:
        raise CommandError(Exit.USAGE, "Give sequence numbers, or --all.")
    with output.progress() as progress:
        progress.add_task("Sending", total=None)
        wanted = frozenset(numbers) if numbers else None
        sent, left = await operator.resubmit.run(place, f"resubmitted by {by}", wanted)
    if output.as_json:
        output.json({"sent": sent, "left": left})
    else:
        output.text(f"{sent} sent again, {left} left.")
    if numbers and sent < len(set(numbers)):
        raise typer.Exit(int(Exit.NOT_FOUND))


def _leftover_line(place: Bin, item: Leftover) -> list[object]:
    text = item.body[: 4 * _PREVIEW].decode("utf-8", "replace")
    body = text if len(text) <= _PREVIEW else f"{text[:_PREVIEW]}..."
    queue = str(place).partition("/")[0]
    return [item.sequence_number, queue, item.enqueued_at, item.reason, item.description, body]


def _leftover_as_json(place: Bin, item: Leftover) -> dict[str, object]:
    return {
        "number": item.sequence_number,
        "queue": str(place).partition("/")[0],
        "enqueued_at": item.enqueued_at,
        "reason": item.reason,
        "description": item.description,
        "bytes": len(item.body),
        "truncated": item.truncated,
    }


def _body(item: Leftover) -> object:
    """Return the body as JSON if possible, otherwise as text for a terminal."""
    text = item.body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return shown(text)
