"""`accountsync unlink`: separate an account from its customer."""

from typing import Annotated

import typer

from shared.cli.exits import CommandError, Exit
from shared.cli.options import By
from shared.cli.output import Output
from shared.cli.session import command
from shared.resilience.replay import Asked
from shared.resilience.unlink import NothingToUnlink, StillOpen, Unlinked
from shared.wiring.operator import Operator


@command
async def unlink(
    operator: Operator,
    output: Output,
    by: By,
    account: Annotated[str, typer.Argument(help="The account's id, account number or customer account.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the account's log.")],
) -> None:
    """Separate an account from its customer, which stays unchanged in the ERP; then check the account."""
    account_id = await operator.find_account.find(account)
    match await operator.unlink.account(account_id, Asked(by, why)):
        case Unlinked(customer) if output.as_json:
            output.json({"account_id": str(account_id), "unlinked": str(customer)})
        case Unlinked(customer):
            output.text(f"Account {account_id} is unlinked from customer {customer}; a check was sent.")
        case StillOpen(until):
            message = (
                f"A request to {operator.erp.capabilities.name} about account {account_id} may still "
                f"take effect until {until:%Y-%m-%d %H:%M:%S} UTC. Nothing was changed: wait until then, "
                f"`accountsync replay {account_id}`, and unlink it after that."
            )
            raise CommandError(Exit.REFUSED, message)
        case NothingToUnlink():
            message = f"Account {account_id} is linked to no customer: there is nothing to unlink."
            raise CommandError(Exit.NOT_FOUND, message)
