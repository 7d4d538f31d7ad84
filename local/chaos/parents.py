"""How accounts that refer to each other's customers must end."""

from collections.abc import Iterator, Mapping

from local.chaos.customers import Truth, owners_of
from local.chaos.standing import Standing

_WAITS = "ParentNotSynced|"


def left_waiting(truth: Truth, standing: Standing) -> Iterator[str]:
    """Accounts that wait for a parent that has its customer."""
    owners = owners_of(truth, standing)
    for account, parent in _waiting(truth, standing).items():
        if parent in owners and not truth.accounts[parent].deleted:
            yield f"account {account} waits for {parent}, which has customer {owners[parent]}"


def opened(truth: Truth, standing: Standing, planted: Mapping[int, int]) -> Iterator[str]:
    """Accounts of planted circles that are not parked for each other."""
    waiting = _waiting(truth, standing)
    for account, parent in planted.items():
        if waiting.get(account) != parent:
            state = standing.states.get(truth.accounts[account].id, {})
            yield f"account {account} of a circle is {state.get('Phase')} {state.get('Issue', '')}"


def with_parent(truth: Truth, standing: Standing) -> int:
    """How many customers have the number of another account's customer."""
    name = truth.erp.parent
    return sum(bool(name and customer[name]) for customer in standing.customers)


def _waiting(truth: Truth, standing: Standing) -> dict[int, int]:
    """The accounts that are parked for their parent, each with the parent."""
    numbers = {written.id: account for account, written in truth.accounts.items()}
    found: dict[int, int] = {}
    for account, written in truth.accounts.items():
        state = standing.states.get(written.id, {})
        issue = str(state.get("Issue", ""))
        if state.get("Phase") == "parked" and issue.startswith(_WAITS):
            found[account] = numbers[issue.removeprefix(_WAITS)]
    return found
