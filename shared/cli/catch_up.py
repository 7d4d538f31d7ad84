"""`accountsync catch-up`: let the app look now for changes in Sales whose events did not come."""

from datetime import timedelta
from typing import Annotated
from uuid import uuid4

import typer

from shared.cli.exits import CommandError, Exit
from shared.cli.options import DryRun
from shared.cli.output import Output, counted
from shared.cli.session import command
from shared.model.catch_up import CatchUpState, Noted, Request, Walk
from shared.ports import Clock
from shared.ports.catch_up import CatchUpNotes
from shared.wiring.catch_up import catch_up_of, sources_of
from shared.wiring.operator import Operator

PATIENCE = timedelta(minutes=3)  # without any progress; the app looks for a request once a minute
POLL_SECONDS = 1.0
_NOTES = {
    Walk.FIRST: "This was the first pass: it sends checks only for accounts that the app knows. "
    "The first load brings in the others.",
    Walk.MODIFIED: "Change tracking is off for accounts in Sales, so deletions are not found: switch on "
    '"Track changes" in the properties of the table Account.',
}


@command
async def catch_up(
    operator: Operator,
    output: Output,
    dry_run: DryRun = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the end.")] = False,
) -> None:
    """Find changes in Sales whose events did not come, and send a check for each.

    The app does it within a minute, and the command waits for the end.
    """
    clock = operator.ports.clock
    if dry_run:
        _say(output, await catch_up_of(operator).count(), dry_run=True)
        return
    notes = sources_of(operator.clients).notes
    request = Request(str(uuid4()), clock.now())
    await notes.ask(request)
    if not no_wait:
        _say(output, (await _answer(notes, request, clock)).state)
    elif output.as_json:
        output.json({"request": request.id})
    else:
        output.text("The app was asked. It begins within a minute.")


async def _answer(notes: CatchUpNotes, request: Request, clock: Clock) -> Noted:
    """Wait for the pass that serves the request, or a later request. Raises CommandError."""
    seen, until = "", clock.now() + PATIENCE
    while clock.now() < until:
        noted = await notes.read()
        last = noted.request or request
        if noted.state.answered in {request.id, last.id}:
            return noted
        if (noted.etag or "") != seen:
            seen, until = noted.etag or "", clock.now() + PATIENCE
        await clock.sleep(POLL_SECONDS)
    message = "The app has made no progress for 3 minutes: check that it runs. It keeps the request."
    raise CommandError(Exit.UNAVAILABLE, message)


def _say(output: Output, state: CatchUpState, *, dry_run: bool = False) -> None:
    """Print how the pass ended, or with a dry run how far it came. Raises Exit if it was stopped."""
    whole = state.walk is None and state.last is not None
    walk, tally = state.walk or Walk.CHANGES, state.tally
    if whole and state.last:
        walk, tally = state.last.walk, state.last.tally
    if output.as_json:
        kind = {"pass": str(walk), "finds_deletions": walk.finds_deletions, "whole": whole}
        trouble = "" if dry_run else state.trouble
        output.json({**kind, **tally._asdict(), "dry_run": dry_run, "trouble": trouble})
    elif state.trouble and not dry_run:
        output.text(f"Catch-up was stopped: {state.trouble.rstrip('.')}. It goes on by itself.", "red")
    else:
        least, would = "" if whole else "At least ", "would be sent" if dry_run else "sent"
        output.text(
            f"{least}{counted(tally.accounts, 'account')} read, {counted(tally.checks, 'check')} {would}, "
            f"{tally.deletions:,} of them for deleted accounts."
        )
        if note := _NOTES.get(walk):
            output.text(note)
    if state.trouble and not dry_run:
        raise typer.Exit(int(Exit.UNAVAILABLE if state.away else Exit.REFUSED))
