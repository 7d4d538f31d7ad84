"""What is known of one account while it is checked, and the steps that the plan asks for. Pure data.

A step carries the account's state as it stands before the step. `Facts.after` gives the facts once it is
done, both for the pipeline, which carries it out, and for the preview, which only reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from shared.model.account import Account
from shared.model.change import AccountChange
from shared.model.customer import Customer, CustomerBody, CustomerKey, FieldValue, Fingerprints
from shared.model.field_map import FieldMap
from shared.model.outcome import Ending, Problem
from shared.model.state import Stored, SyncState

CREATED, ADOPTED = "created", "adopted"  # how an account came to its customer, in the owner's row
_NOTHING_SEEN: Mapping[CustomerKey, Customer | None] = MappingProxyType({})
_NO_OWNERS: "Mapping[CustomerKey, OwnerRow]" = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """Whose a customer is: this account's or another one's; `deleted`: the other's state if it is deleted."""

    ours: bool
    deleted: Stored | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What comes next."""

    state: SyncState


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve(Step):
    """Find out what is to stand in the ERP: the currency's code, then the customer's values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Step):
    """See the customer of this key in the ERP."""

    key: CustomerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(Step):
    """Own the customer's number; `creation` is what is to be created under it, and may be inherited."""

    key: CustomerKey
    creation: CustomerBody | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherit(Step):
    """Take over the number, and the block of its customer, from an account that is deleted."""

    body: CustomerBody
    before: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Step):
    """Give up a number under which nothing of the account's stands (any more)."""

    key: CustomerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Step):
    """The customer is the account's: made by it earlier, adopted, or (no `stage`) only to be blocked."""

    asked: CustomerKey
    customer: CustomerKey
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Step):
    """The account's customer stands under its new number, or (`found` is false) under neither."""

    old: CustomerKey
    new: CustomerKey
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Step):
    """Nothing can be decided now: try again later, or once this moment has come.

    `in_sales`: it depends on Sales, otherwise on the ERP.
    """

    reason: str
    until: datetime | None = None
    in_sales: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Send `send` to the customer of `key`, or nothing if there is nothing to send.

    `fields` are all that stand there afterwards; `block`: the customer is to be blocked; `first_block`: it is
    not blocked by us yet; `previous_hold` is what a release goes back to; `seen`: the customer was looked at.
    """

    key: CustomerKey
    send: Mapping[str, FieldValue]
    fields: Mapping[str, FieldValue]
    block: bool
    first_block: bool
    previous_hold: str | None
    seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Step):
    """How the check ends. At most one of `create` and `update` is to be carried out before.

    `detail` is the rule of a filtered account; `problem` the cause of a parked one. `recorded` is false where
    the account's row needs no change.
    """

    ending: Ending
    detail: str = ""
    problem: Problem | None = None
    create: CustomerBody | None = None
    update: Update | None = None
    recorded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the account.

    `before` is the state at the start; `account` as Sales has it, None if it is gone; `desired` what is to
    stand in the ERP, once it is resolved, or `problem`, what prevents it. `owners`: the owner rows that were
    read. `seen`: the customers that were looked at, None for those that are not there. `missed`: how often
    the account's own customer was not found. `exists`: the ERP refused a creation because the number exists.
    `limit`: no more customers may be created in this hour.
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
    exists: bool = False
    limit: Problem | None = None

    def owned(self, key: CustomerKey, row: OwnerRow) -> "Facts":
        """The owner row of this key is known."""
        return replace(self, owners={**self.owners, key.folded: row})

    def saw(self, key: CustomerKey, found: Customer | None) -> "Facts":
        """The customer of this key was looked at; it may have another key of its own."""
        seen = {**self.seen, key.folded: found}
        if found is not None:
            seen[found.key.folded] = found
        customer = self.state.customer
        missed = found is None and customer is not None and customer.same_as(key)
        return replace(self, seen=seen, missed=self.missed + missed)

    def missed_customer(self, key: CustomerKey) -> "Facts":
        """The ERP has no customer to be updated under this key."""
        return replace(self, seen=_without(self.seen, key), missed=1)

    def refused_as_existing(self, key: CustomerKey) -> "Facts":
        """The ERP has a customer under this key already."""
        return replace(self, seen=_without(self.seen, key), exists=True)

    def after(self, step: Step) -> "Facts":
        """The facts once the step is done."""
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
                return replace(self, state=state, missed=0)
            case Move(old=old):
                state = replace(forgotten(state), intent=old, begun=())
                return replace(self, state=state, missed=0, owners=_NO_OWNERS)
            case _:
                pass
        return replace(self, state=state)


def forgotten(state: SyncState) -> SyncState:
    """The state once the account's customer is not there any more."""
    return replace(state, customer=None, previous_hold=None, confirmed={})


def _without(
    seen: Mapping[CustomerKey, Customer | None], key: CustomerKey
) -> Mapping[CustomerKey, Customer | None]:
    return {other: found for other, found in seen.items() if other != key.folded}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say.

    `existing`: match, adopt or park a customer that is there already. `looks_first`: look before each
    creation, as the preview does; otherwise an ERP that refuses a number that exists is not asked before.
    """

    field_map: FieldMap
    fingerprints: Fingerprints
    existing: str
    block_on_delete: bool
    block_on_deactivate: bool
    looks_first: bool = False

    @property
    def number_field(self) -> str:
        """The ERP's own name of the customer's number."""
        return self.field_map.key.field
