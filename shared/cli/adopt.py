"""`accountsync adopt-target`: confirm that customers are written to another ERP than before."""

from shared.cli.options import Yes
from shared.cli.output import Output
from shared.cli.session import ask, command
from shared.wiring.operator import Operator


@command
async def adopt_target(operator: Operator, output: Output, yes: Yes = False) -> None:
    """Confirm the ERP, the environment and the company that the settings name.

    Each account is then linked anew: the next check reads the customer of its number there before it writes.
    """
    in_use = operator.target_in_use
    known, mine = await in_use.known(), in_use.mine
    changed = not known.same_as(mine)
    if changed and not yes:
        existing = operator.settings.existing_customer
        ask(
            f"The accounts' customers are in {known}. From now on they are to be in {mine}. Each account "
            f"is linked anew (EXISTING_CUSTOMER={existing}); the old one stays as it is. Go on?"
        )
    if changed:
        await in_use.adopt()
    if output.as_json:
        output.json({"before": str(known), "now": str(mine), "adopted": changed})
    else:
        output.text(f"Customers are now written to {mine}." if changed else f"{mine} is in use already.")
