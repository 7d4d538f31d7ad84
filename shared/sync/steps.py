"""Holds the facts about one account during its check, and the steps that the plan returns. Pure data.

A step carries the account's state before the step. `Facts.after` returns the facts after the step, both for
the pipeline, which executes the step, and for the preview, which only reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from shared.model.account import Account
from shared.model.change import AccountChange
from shared.model.customer import Customer, CustomerBody, CustomerKey, FieldValue
from shared.model.outcome import Ending, Problem
from shared.model.state import Stored, SyncState, forgotten

_NOTHING_SEEN: Mapping[CustomerKey, Customer | None] = MappingProxyType({})
_NO_OWNERS: "Mapping[CustomerKey, OwnerRow]" = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """Who owns a customer number. `deleted` is the state of the other account if that account is deleted."""

    ours: bool
    deleted: Stored | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next step; `state` is the account's state before it."""

    state: SyncState


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve(Step):
    """Build the desired customer: look up the currency's code, then map the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Step):
    """Read the customer of this key from the ERP."""

    key: CustomerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(Step):
    """Claim the customer's number. `creation` is the customer to create; only then may it be inherited."""

    key: CustomerKey
    creation: CustomerBody | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherit(Step):
    """Take over the number of a deleted account, and the duty to release its customer's block."""

    body: CustomerBody
    before: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Step):
    """Release a number under which the account has no customer, or none any more."""

    key: CustomerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Step):
    """Link the account to a customer that it created or adopted, or that it must block."""

    customer: CustomerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Step):
    """Move the account to its new number. `found` is false if the ERP has no customer under either number."""

    old: CustomerKey
    new: CustomerKey
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Step):
    """Make another attempt later, or at `until`. `in_sales`: the wait is for Sales, otherwise for the ERP."""

    reason: str
    until: datetime | None = None
    in_sales: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Send the fields `send` to the customer of `key`; no request if `send` is empty.

    `fields` are all values that the ERP has after the update. `kept` are the values wanted where the ERP
    keeps another one, as after an earlier update with the same values. `block`: the update blocks the
    customer. `first_block`: we have not blocked it before. `previous_hold` is the value that a release
    restores. `seen`: the customer was read from the ERP.
    """

    key: CustomerKey
    send: Mapping[str, FieldValue]
    fields: Mapping[str, FieldValue]
    kept: Mapping[str, FieldValue]
    block: bool
    first_block: bool
    previous_hold: str | None
    seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Step):
    """How the check ends, and the write to send before that: at most one of `create` and `update`.

    `detail` is the rule that filtered the account; `problem` is why it is parked. `recorded` is false if the
    account's row needs no change.
    """

    ending: Ending
    detail: str = ""
    problem: Problem | None = None
    create: CustomerBody | None = None
    update: Update | None = None
    recorded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts about the account.

    `before`: the state at the start of the check. `account`: the account in Sales, None if it is gone.
    `desired`: the customer that the ERP must have, once it is built. `problem`: why it cannot be built.
    `owners`: the owner rows that were read. `seen`: the customers that were read from the ERP, None where the
    ERP has none. `missed`: how often the account's own customer was not found. `asked_number`: a customer was
    read by its number, not by the ERP's id. `exists`: the ERP refused a creation because the number exists.
    `limit`: why no more customers may be created in this hour.
    """

    now: datetime
    change: AccountChange
    state: SyncState
    before: SyncState
    account: Account | None
    desired: CustomerBody | None = None
    problem: Problem | None = None
    owners: Mapping[CustomerKey, OwnerRow] = _NO_OWNERS
    seen: Mapping[CustomerKey, Customer | None] = _NOTHING_SEEN
    missed: int = 0
    asked_number: bool = False
    exists: bool = False
    limit: Problem | None = None

    def owned(self, key: CustomerKey, row: OwnerRow) -> "Facts":
        """Add the owner row of this key."""
        return replace(self, owners={**self.owners, key.folded: row})

    def saw(self, key: CustomerKey, found: Customer | None) -> "Facts":
        """Add the answer to a read of this key; the customer found may have another key."""
        seen = {**self.seen, key.folded: found}
        if found is not None:
            seen[found.key.folded] = found
        customer = self.state.customer
        missed = found is None and customer is not None and customer.same_as(key)
        asked_number = self.asked_number or not (key.id or key.by)
        return replace(self, seen=seen, missed=self.missed + missed, asked_number=asked_number)

    def missed_customer(self, key: CustomerKey) -> "Facts":
        """Note that the ERP answered an update of this key with "not found"."""
        return replace(self, seen=_without(self.seen, key), missed=1)

    def refused_as_existing(self, key: CustomerKey) -> "Facts":
        """Note that the ERP refused to create this key because it exists already."""
        return replace(self, seen=_without(self.seen, key), exists=True)

    def after(self, step: Step) -> "Facts":
        """Return the facts after the step."""
        state = step.state
        match step:
            case Release():
                state = replace(state, intent=None, begun=())
            case Link(customer=customer):
                state = replace(state, customer=customer, intent=None, begun=())
            case Inherit(body=body, before=before):
                theirs = before.state
                if theirs.customer is not None and theirs.customer.same_as(body.key):
                    state = replace(state, previous_hold=theirs.previous_hold or state.previous_hold)
                return replace(self, state=state).owned(body.key, OwnerRow(ours=True))
            case Move(new=new, old=old, found=True):
                state = replace(state, customer=new, intent=old)
                return replace(self, state=state, missed=0, seen=_without(self.seen, old))
            case Move(old=old):
                state = replace(forgotten(state), intent=old, begun=())
                return replace(self, state=state, missed=0, owners=_NO_OWNERS)
            case _:
                pass
        return replace(self, state=state)


def _without(
    seen: Mapping[CustomerKey, Customer | None], key: CustomerKey
) -> Mapping[CustomerKey, Customer | None]:
    return {other: found for other, found in seen.items() if other != key.folded}
