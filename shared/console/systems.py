"""What holds work back, and what was given up: pause and resume, send again, and what people did."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from starlette.responses import Response

from shared.console import words
from shared.console.desk import Desk, Form, RefusedError
from shared.diagnostics.status import held, read_or, remedy_of, why_open
from shared.model.faults import System
from shared.model.queues import Bin, Leftover

ACTIONS = 50
LEFTOVERS = 100
_BIN_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One outside system: how it is, and what to do."""

    system: System
    name: str
    paused: bool
    open: bool
    text: str


async def show(desk: Desk) -> Response:
    """Show systems, messages that were given up, and the newest actions."""
    troubles = list[str]()
    found = await asyncio.gather(*(_leftovers(desk, place, troubles) for place in Bin))
    return desk.show(
        "systems.html",
        systems=await rows_of(desk),
        leftovers=[(place, rows) for place, rows in zip(Bin, found, strict=True) if rows],
        troubles=troubles,
        actions=await desk.operator.actions.newest(ACTIONS),
    )


async def rows_of(desk: Desk) -> Sequence[SystemRow]:
    """Return the two systems between which accounts are kept in step."""
    known = {breaker.system: breaker for breaker in await desk.operator.breakers.states()}
    now, erp = desk.operator.ports.clock.now(), desk.operator.erp.capabilities
    rows = list[SystemRow]()
    for system, name in ((System.DATAVERSE, "Sales"), (erp.system, erp.name)):
        breaker = known.get(system)
        if breaker is None or not held([breaker], now):
            rows.append(SystemRow(system, name, paused=False, open=False, text="Work goes on."))
            continue
        by = breaker.paused_by
        text = f"Paused by {by}. Events are kept." if by else f"It {why_open(breaker)} {remedy_of(breaker)}"
        rows.append(SystemRow(system, name, paused=bool(by), open=not by, text=text))
    return rows


async def pause(desk: Desk) -> Response:
    """Hold all work on a system back, once that is confirmed."""
    form, row = await _asked(desk)
    if not form.has("sure"):
        return desk.show("pause.html", row=row, do="pause")
    action = await desk.act("pause", [row.system], form.why())
    await desk.operator.breakers.pause([row.system], str(desk.person.id))
    return desk.done(action)


async def resume(desk: Desk) -> Response:
    """Let work on a system go on, once that is confirmed."""
    form, row = await _asked(desk)
    if not form.has("sure"):
        return desk.show("pause.html", row=row, do="resume")
    action = await desk.act("resume", [row.system], form.why())
    await desk.operator.breakers.resume([row.system])
    return desk.done(action)


async def resubmit(desk: Desk) -> Response:
    """Send messages that were given up again, once that is confirmed."""
    form = await desk.form()
    place = form.text("place")
    if place not in set(Bin):
        raise RefusedError("There is no such place of messages. Open the page Systems again.")
    numbers = form.numbers("number")
    if not numbers:
        raise RefusedError("No message was chosen. Tick the messages to send again.")
    if not form.has("sure"):
        return desk.show("resubmit.html", place=place, numbers=sorted(numbers))
    action = await desk.act("resubmit", sorted(numbers), form.why())
    note = f"resubmitted by {desk.person.id}"
    sent, _ = await desk.operator.resubmit.run(Bin(place), note, frozenset(numbers))
    if not sent:
        raise RefusedError("None of them could be sent again: they are gone, or cannot be understood.", 409)
    return desk.done(action)


async def done(desk: Desk) -> Response:
    """Show an action that was carried out."""
    action = await desk.operator.actions.get(desk.account())
    if action is None:
        raise RefusedError("There is no such action.", 404)
    accounts = _guids(action.ids) if action.what in words.OF_ACCOUNTS else []
    named = await desk.operator.name_accounts.of(accounts if desk.person.operates else [])
    return desk.show("done.html", action=action, accounts=accounts, named=named)


async def _asked(desk: Desk) -> tuple[Form, SystemRow]:
    """Return the form and the system that it names. Raises RefusedError."""
    form = await desk.form()
    wanted = form.text("system")
    row = next((row for row in await rows_of(desk) if row.system == wanted), None)
    if row is None:
        raise RefusedError("There is no such system. Open the page Systems again.")
    return form, row


async def _leftovers(desk: Desk, place: Bin, troubles: list[str]) -> list[Leftover]:
    async def peek() -> list[Leftover]:
        return [one async for one in desk.operator.ports.leftovers.peek(place)]

    rows = await read_or(peek(), [], f"{place} was not read", troubles, _BIN_SECONDS)
    return list(islice(rows, LEFTOVERS))


def _guids(texts: Sequence[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
