"""Decides which customer belongs to the account: a new, an existing or a renamed one. Pure."""

from dataclasses import replace

from shared.model.customer import Customer, CustomerBody, CustomerKey
from shared.model.mapping import fold
from shared.model.outcome import Cause, Ending, Problem
from shared.model.state import SyncState
from shared.sync.fields import unknown_is_over
from shared.sync.rules import Rules
from shared.sync.steps import (
    Decision,
    Facts,
    Inherit,
    Link,
    Look,
    Move,
    Own,
    Release,
    Step,
    Wait,
)

_UNSEEN_CHECKS = 3  # attempts at a customer that the ERP says exists but does not find


def first(facts: Facts, rules: Rules, body: CustomerBody) -> Step:
    """Plan for an account without a customer: create one, or link the one that exists."""
    state, key = facts.state, body.key
    row = facts.owners.get(key.folded)
    if row is None:
        return Own(state=state, key=key, creation=body)
    looked, found = key.folded in facts.seen, facts.seen.get(key.folded)
    if not row.ours:
        if row.deleted is None:
            taken = Problem(Cause.NUMBER_TAKEN, field=rules.number_field)
            return parked(nothing_unknown(facts), taken)
        if not looked:
            return Look(state=state, key=key)
        if found is not None and not _may_adopt(rules, body, found):
            return Own(state=state, key=key)
        return Inherit(state=state, body=body, before=row.deleted)
    may_be_there = bool(key.by) or facts.change.verify or facts.before.unknown_until is not None
    looks_first = rules.looks_first or not rules.capabilities.refuses_existing_number
    if not looked and (may_be_there or facts.exists or facts.limit or looks_first):
        return Look(state=state, key=key)
    if found is not None:
        return _take(facts, rules, body, found)
    return _create(facts, rules, body)


def _create(facts: Facts, rules: Rules, body: CustomerBody) -> Step:
    state = facts.state
    if facts.exists and facts.change.attempt >= _UNSEEN_CHECKS:
        return parked(state, Problem(Cause.REFUSED, field=rules.number_field))
    if facts.exists:
        return Wait(state=state, reason="the customer exists, but cannot be found; trying again")
    if facts.limit is not None:
        return parked(state, facts.limit)
    if rules.field_map.key.assigned_by_erp and state.unknown_until is not None:
        reason = "a customer may still come about from an earlier request"
        return Wait(state=state, reason=reason, until=state.unknown_until)
    return Decision(state=state, ending=Ending.CREATED, create=body)


def _take(facts: Facts, rules: Rules, body: CustomerBody, found: Customer) -> Step:
    """Plan for a customer that exists: link it if an earlier creation of ours made it, adopt it, or park."""
    if is_ours(facts, rules, body.key, found):
        return Link(state=facts.state, customer=found.key)
    if _may_adopt(rules, body, found):
        return Link(state=facts.state, customer=replace(body.key, id=found.key.id))
    return parked(facts.state, Problem(Cause.CUSTOMER_EXISTS, field=rules.number_field))


def follow(facts: Facts, rules: Rules, body: CustomerBody, old: CustomerKey) -> Step:
    """Plan for an account whose number changed: move to the new number if the ERP renamed the customer."""
    state, key = facts.state, body.key
    changed = parked(state, Problem(Cause.KEY_CHANGED, field=rules.number_field))
    if key.by or (state.unknown_until is not None and not unknown_is_over(state, facts.now)):
        return changed
    if old.folded not in facts.seen:
        return Look(state=state, key=old)
    if facts.seen[old.folded] is not None:
        return changed
    if key.folded not in facts.seen:
        return Look(state=state, key=key)
    found = facts.seen[key.folded]
    renamed = found is not None and not old.id and _is_as_confirmed(facts, rules, found)
    if found is not None and not (renamed or _may_adopt(rules, body, found)):
        return parked(state, Problem(Cause.CUSTOMER_EXISTS, field=rules.number_field))
    row = facts.owners.get(key.folded)
    if row is None:
        return Own(state=state, key=key)
    if not row.ours:
        return parked(state, Problem(Cause.NUMBER_TAKEN, field=rules.number_field))
    return Move(
        state=state, old=old, new=replace(key, id=found.key.id) if found else key, found=found is not None
    )


def renamed_in_erp(facts: Facts, rules: Rules, key: CustomerKey, found: Customer) -> Step:
    """Plan for a customer that the ERP shows under another number than before: its owner row moves."""
    row = facts.owners.get(found.key.folded)
    if row is None:
        return Own(state=facts.state, key=found.key)
    if not row.ours:
        return parked(facts.state, Problem(Cause.NUMBER_TAKEN, field=rules.number_field))
    return Move(state=facts.state, old=key, new=found.key, found=True)


def settle(facts: Facts, rules: Rules) -> Step | None:
    """Plan for an account whose customer is not compared in this check: end what a request left unknown.

    The customer of a begun creation is linked, or its number released. Returns None if nothing is to be done,
    or while the request may still commit.
    """
    state, intent = facts.state, facts.state.intent
    if (customer := state.customer) is not None:
        return Look(state=state, key=customer) if unknown_is_over(state, facts.now) else None
    if intent is None:
        return None
    found = facts.seen.get(intent.folded)
    if found is not None and is_ours(facts, rules, intent, found):
        return Link(state=state, customer=found.key)
    if unknown_is_over(state, facts.now) and state.begun:
        return Look(state=state, key=intent)
    state = nothing_unknown(facts)
    return Release(state=state, key=intent) if state.unknown_until is None else None


def given_up(facts: Facts, done: Decision) -> Step:
    """Release the number if no creation of ours can commit under it any more; otherwise end with `done`."""
    state = facts.state
    unused = unused_number(state)
    return Release(state=state, key=unused) if unused else replace(done, state=state)


def unused_number(state: SyncState) -> CustomerKey | None:
    """Return the number of a creation that made no customer and cannot commit any more, if there is one."""
    return state.intent if state.customer is None and state.unknown_until is None else None


def parked(state: SyncState, problem: Problem) -> Decision:
    return Decision(state=state, ending=Ending.PARKED, problem=problem)


def nothing_unknown(facts: Facts) -> SyncState:
    """Return the state without an unknown outcome that is over, and without the creations it was about."""
    over = unknown_is_over(facts.state, facts.now)
    return replace(facts.state, unknown_until=None, begun=()) if over else facts.state


def is_ours(facts: Facts, rules: Rules, key: CustomerKey, found: Customer) -> bool:
    """Whether an earlier creation of ours, whose outcome is unknown, made this customer.

    It did if the customer has exactly the values that were sent. The number alone is no proof: the ERP may
    have refused our creation because that number existed. A second key is proof: it is the account's own id.
    """
    return bool(key.by) or rules.is_created(found.fields, facts.state.begun)


def _is_as_confirmed(facts: Facts, rules: Rules, found: Customer) -> bool:
    """Whether the customer still has all values that were last confirmed."""
    confirmed = facts.state.confirmed
    return bool(confirmed) and all(
        rules.fingerprints.of(name, found.fields.get(name, "")) == known for name, known in confirmed.items()
    )


def _may_adopt(rules: Rules, body: CustomerBody, found: Customer) -> bool:
    if rules.existing != "match":
        return rules.existing == "adopt"
    names = [name for name, entry in rules.field_map.fields.items() if entry.column == "name"]
    return bool(names) and all(
        fold(str(body.fields[name])) == fold(str(found.fields.get(name, ""))) for name in names
    )
