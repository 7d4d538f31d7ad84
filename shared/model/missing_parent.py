"""Says why an account has no customer to which others could refer, and what to do about it. Pure."""

from shared.model.state import Phase, SyncState

_NOT_IN_SALES = frozenset({"never-committed", "not-in-sales"})
_DELETED = "The account that it refers to does not exist in Sales any more. Refer to another account there."


def why_no_customer(state: SyncState) -> str:
    """Return the advice for the accounts that refer to this one; "" if it is in work."""
    rule = state.log[-1].detail if state.log else ""
    if state.deleted or (state.phase is Phase.FILTERED and rule in _NOT_IN_SALES):
        return _DELETED
    if state.phase is Phase.FILTERED:
        return (
            f'The rule on "{rule}" keeps out the account that it refers to. Change that account or the rule, '
            "or refer to another account in Sales. This one then follows by itself."
        )
    if state.phase is Phase.PARKED:
        return (
            f"The account that it refers to is parked as {state.issue}: put that right. "
            "This one then follows by itself."
        )
    return ""
