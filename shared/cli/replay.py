"""`accountsync replay`: accounts are checked again, one, those of a cause, or all that are parked."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from shared.cli.exits import CommandError, Exit
from shared.cli.options import By, CauseOption, DryRun, Yes
from shared.cli.output import Output, counted, shown
from shared.cli.session import ask, command
from shared.resilience.replay import Asked
from shared.wiring.operator import Operator

_NAMED = 20


@command
async def replay(  # noqa: PLR0913 - each is an option
    operator: Operator,
    output: Output,
    *,
    by: By,
    account: Annotated[
        str | None,
        typer.Argument(help="The account's id, account number, customer account, or part of its name."),
    ] = None,
    cause: CauseOption = "",
    everything: Annotated[bool, typer.Option("--all", help="Every parked account; asks before.")] = False,
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="So many checks a minute at most.")] = 600,
    why: Annotated[str, typer.Option("--why", help="The reason, for the accounts' logs.")] = "replay",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Check accounts again: compare each with the ERP, and write what differs."""
    if sum((account is not None, bool(cause), everything)) != 1:
        raise CommandError(Exit.USAGE, "Give one of ACCOUNT, --cause or --all.")
    if everything and not (yes or dry_run):
        ask("Have every parked account checked again?")
    asked = Asked(by, why, rate)
    if account is not None:
        account_id = await operator.find_account.find(account)
        await _replay_account(operator, account_id, asked, dry_run=dry_run)
        await _say_replayed(operator, output, 1, [account_id], asked, dry_run=dry_run)
        return
    parked = [issue.account_id for issue in await operator.ports.issues.report(cause)]
    sent = len(parked)
    if parked and not dry_run:
        with output.progress() as progress:
            progress.add_task("Sending checks", total=None)
            sent = await operator.replay.parked(asked, cause)
    await _say_replayed(operator, output, sent, parked, asked, dry_run=dry_run)


async def _replay_account(operator: Operator, account_id: UUID, asked: Asked, *, dry_run: bool) -> None:
    known = await operator.ports.states.get(account_id) is not None
    if known and not dry_run:
        known = await operator.replay.account(account_id, asked)
    if not known:
        message = f"The app knows nothing of account {account_id}: save it again in Sales."
        raise CommandError(Exit.NOT_FOUND, message)


async def _say_replayed(
    operator: Operator, output: Output, sent: int, account_ids: Sequence[UUID], asked: Asked, *, dry_run: bool
) -> None:
    named = await operator.name_accounts.of(account_ids[:_NAMED])
    minutes = max(0, sent - 1) / asked.per_minute
    if output.as_json:
        accounts = [{"account_id": one, **named.of(one)._asdict()} for one in account_ids[:_NAMED]]
        output.json({"looks": sent, "dry_run": dry_run, "minutes": minutes, "accounts": accounts})
        return
    if not account_ids:
        output.text("No such account is parked: nothing to check.")
        return
    over = f", over {minutes:.1f} minutes" if minutes else ""
    be = ("would be" if dry_run else "was") if sent == 1 else ("would be" if dry_run else "were")
    output.text(f"{counted(sent, 'check')} {be} sent{over}:")
    for account_id in account_ids[:_NAMED]:
        output.text(f"{shown(named.of(account_id))} {account_id}".strip(), indent=2)
    if len(account_ids) > _NAMED:
        output.text(f"... and {len(account_ids) - _NAMED:,} more (`accountsync issues` lists them)", indent=2)
    if named.trouble:
        output.text(shown(named.trouble), "yellow")
