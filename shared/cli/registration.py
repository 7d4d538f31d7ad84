"""`accountsync register | unregister | registration`: what Dataverse posts, and to which address."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import typer
from pydantic import SecretStr

from shared.cli.exits import CommandError, Exit
from shared.cli.options import DryRun, Yes
from shared.cli.output import Output
from shared.cli.session import command
from shared.dataverse.endpoints import WEBHOOK_PATH, Endpoint, endpoint_of, webhook_endpoint
from shared.dataverse.registration_plan import Plan
from shared.wiring.operator import Operator

Webhook = Annotated[
    bool, typer.Option("--webhook", help="Have Dataverse post to the function's address, not to the queue.")
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="FUNCTION_URL",
        help="Address of the function app; with --webhook.",
        show_default=False,
    ),
]
Solution = Annotated[
    str, typer.Option("--solution", help="Unique name of the solution that the new rows belong to.")
]
NewKey = Annotated[bool, typer.Option("--new-key", help="Send the key although there is one already.")]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        envvar="DATAVERSE_KEY",
        help="The SAS key of the rule dataverse-send, or the function's key; better by the variable.",
        show_default=False,
    ),
]


@command
async def register(
    operator: Operator,
    output: Output,
    webhook: Webhook = False,
    url: Url = "",
    key: Key = "",
    new_key: NewKey = False,
    solution: Solution = "",
    dry_run: DryRun = False,
) -> None:
    """Have Dataverse post changes of accounts: creates what is missing, corrects what differs."""
    endpoint, known_key = _endpoint(operator, url, webhook=webhook)
    plan = await operator.registration.plan(endpoint)
    _show(output, plan, operator.settings.dataverse_organization_id, dry_run=dry_run)
    if dry_run:
        return
    secret = _secret(key or known_key, as_json=output.as_json) if plan.needs_secret or new_key else None
    await operator.registration.apply(plan, secret, solution)
    if not output.as_json:
        sent = "" if secret is None else " The key was sent."
        output.text(f"Registered.{sent}" if not plan.settled or secret else "Nothing to do.")


@command
async def registration(operator: Operator, output: Output, webhook: Webhook = False, url: Url = "") -> None:
    """Show what is registered, what differs from what is wanted, and posts that failed. 1 if it differs.

    Also prints the organization id of the environment, for the setting DATAVERSE_ORGANIZATION_ID.
    """
    endpoint, _ = _endpoint(operator, url, webhook=webhook)
    plan = await operator.registration.plan(endpoint)
    failed = await operator.registration.failed_posts(plan)
    expected = operator.settings.dataverse_organization_id
    _show(output, plan, expected, failed=failed)
    if not plan.settled or expected not in {None, plan.organization_id}:
        raise typer.Exit(int(Exit.REFUSED))


@command
async def unregister(
    operator: Operator,
    output: Output,
    webhook: Webhook = False,
    url: Url = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Have Dataverse post no more: removes our steps, then the endpoint. Later changes go unnoticed."""
    endpoint, _ = _endpoint(operator, url or "https://", webhook=webhook)
    if not (dry_run or yes):
        typer.confirm(f"Remove {endpoint.name} and its steps from Dataverse?", abort=True, err=True)
    names = await operator.registration.remove(endpoint, dry_run=dry_run)
    if output.as_json:
        output.json({"removed": names, "dry_run": dry_run})
    else:
        _say_removed(output, names, dry_run=dry_run)


def _say_removed(output: Output, names: Sequence[str], *, dry_run: bool) -> None:
    if not names:
        output.text("Nothing is registered.")
    for name in names:
        output.text(f"{'would be removed' if dry_run else 'removed'}: {name}")


def _endpoint(operator: Operator, url: str, *, webhook: bool) -> tuple[Endpoint, str]:
    """Return where to post to, with the key if the local stand's settings have it. Raises CommandError."""
    if webhook:
        if not url:
            message = "Give the address of the function app: --url https://..., or the variable FUNCTION_URL."
            raise CommandError(Exit.USAGE, message)
        return webhook_endpoint(url.rstrip("/") + WEBHOOK_PATH), ""
    return endpoint_of(operator.settings)


def _secret(key: str, *, as_json: bool) -> SecretStr:
    if not key and sys.stdin.isatty() and not as_json:
        key = typer.prompt("Key to post with", hide_input=True, err=True)
    if not key:
        raise CommandError(Exit.USAGE, "Give the key in the variable DATAVERSE_KEY.")
    return SecretStr(key)


def _show(
    output: Output,
    plan: Plan,
    expected: UUID | None,
    *,
    dry_run: bool = False,
    failed: Mapping[str, int] | None = None,
) -> None:
    if output.as_json:
        output.json(_as_json(plan, failed) | {"dry_run": dry_run})
        return
    output.text(f"DATAVERSE_ORGANIZATION_ID is {plan.organization_id} in this environment.")
    if expected not in {None, plan.organization_id}:
        output.text(f"note   the setting is {expected}: the app rejects every event. Correct the setting.")
    for item in plan.items:
        posts = (failed or {}).get(item.name, 0)
        note = f", {posts} failed posts in its system jobs" if posts else ""
        output.text(f"{item.action:<6} {item.name}{note}")
        for difference in item.differences:
            output.text(f"         {difference.column}: {difference.found!s} -> {difference.wanted!s}")
    if plan.needs_secret:
        output.text("         key: none is set there")
    for name in plan.others:
        output.text(f"note   {name} is registered too: every change comes twice")
    for name in plan.strangers:
        output.text(f"note   {name} posts to the same endpoint and is not ours: events may come twice")


def _as_json(plan: Plan, failed: Mapping[str, int] | None) -> dict[str, object]:
    return {
        "settled": plan.settled,
        "organization_id": plan.organization_id,
        "needs_key": plan.needs_secret,
        "items": [
            {
                "kind": str(item.kind),
                "name": item.name,
                "action": item.action,
                "differences": [
                    {"column": one.column, "found": one.found, "wanted": str(one.wanted)}
                    for one in item.differences
                ],
                "failed_posts": (failed or {}).get(item.name),
            }
            for item in plan.items
        ],
        "others": list(plan.others),
        "strangers": list(plan.strangers),
    }
