"""Decides whether both systems differ about an account. Pure.

The answer follows from the decision that a check of the account would make now: what it would create, update
or park is the difference.
"""

from datetime import datetime, timedelta
from uuid import UUID

from shared.model.change import ChangeKind
from shared.model.reconciliation import Difference, Kind
from shared.model.state import Phase, SyncState
from shared.sync.rules import Rules
from shared.sync.steps import Decision, Facts, Update, Wait

GRACE = timedelta(minutes=5)  # what a change may take from its commit to the end of its check


def is_in_work(
    state: SyncState,
    version: int | None,
    changed_at: datetime | None,
    now: datetime,
    margin: timedelta,
) -> bool:
    """Whether a check of the account is under way or is to be expected.

    `version` and `changed_at` are the account's in Sales, None if it is gone. `margin` is the longest that a
    change may stay uncommitted. An account that is gone counts as in work if it was there a moment ago.
    """
    recent = now - margin - GRACE
    leased = state.lease is not None and state.lease.until > now - GRACE
    unknown = state.unknown_until is not None and state.unknown_until > now - GRACE
    if leased or unknown or state.phase is Phase.RETRYING:
        return True
    if version is None:
        return state.read_at is not None and state.read_at > recent
    known = state.version is not None and state.version >= version
    return not known and changed_at is not None and changed_at > recent


def difference(facts: Facts, step: Decision | Wait, rules: Rules, owner: UUID | None) -> Difference | None:
    """Return the difference, None if there is none. `owner` is the account in the customer's owner row."""
    account_id, linked = facts.state.account_id, facts.before.customer is not None
    if isinstance(step, Wait):
        return None
    if facts.account is None:
        return _gone(facts, step, rules)
    if linked and owner is not None and owner != account_id:
        return Difference(account_id, Kind.OWNED_TWICE, owner=owner)
    if step.create is not None:
        return Difference(account_id, Kind.MISSING)
    names = _fields(facts, step.update, rules) if step.update else ()
    if step.update is not None and rules.field_map.hold.field in names:
        kind = Kind.NOT_BLOCKED if step.update.block else Kind.WRONGLY_BLOCKED
        return Difference(account_id, kind, names)
    if step.problem is not None:
        fields = (step.problem.field,) if step.problem.field else ()
        return Difference(account_id, Kind.PARKED, fields, cause=str(step.problem.cause))
    return Difference(account_id, Kind.DIFFERENT, names) if names else None


def is_to_be_linked(facts: Facts, step: Decision | Wait) -> bool:
    """Whether a check would link the account to a customer that exists, without creating one."""
    decided = isinstance(step, Decision) and step.create is None
    return decided and facts.before.customer is None and step.state.customer is not None


def kind_of_check(kind: Kind) -> ChangeKind:
    """Return the change to send for a repair: a deletion that was missed is reported as one."""
    return ChangeKind.DELETE if kind is Kind.WITHOUT_ACCOUNT else ChangeKind.CHECK


def _gone(facts: Facts, step: Decision, rules: Rules) -> Difference | None:
    """Return the difference about an account that Sales does not have, judged as a deletion of it."""
    names = _fields(facts, step.update, rules) if step.update else ()
    carried_out = facts.before.deleted and facts.before.phase is Phase.DELETED
    if carried_out and not names:
        return None
    return Difference(facts.state.account_id, Kind.WITHOUT_ACCOUNT, names)


def _fields(facts: Facts, update: Update, rules: Rules) -> tuple[str, ...]:
    """Return the fields whose values the ERP does not have, without those that are only sent along."""
    found, same = facts.seen.get(update.key.folded), rules.fingerprints.same
    if found is None:
        return tuple(update.send)
    return tuple(name for name, value in update.send.items() if not same(name, value, found.fields.get(name)))
