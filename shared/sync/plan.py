"""Decides what happens to one account: a pure function of the facts about it.

`plan` returns the next step: read something, link the account to a customer, or the decision that ends the
check. The pipeline executes the steps. The preview only reads what they need, and stops at the decision.
"""

from dataclasses import replace

from shared.model.account import Account
from shared.model.change import ChangeKind
from shared.model.customer import Customer, CustomerBody, CustomerKey
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Ending, Problem
from shared.model.state import Phase, forgotten
from shared.sync.fields import (
    completed,
    differing,
    kept_by_erp,
    must_look,
    not_confirmed,
    plan_hold,
    unknown_is_over,
)
from shared.sync.linking import (
    first,
    follow,
    given_up,
    is_ours,
    nothing_unknown,
    parked,
    renamed_in_erp,
    settle,
)
from shared.sync.rules import Rules
from shared.sync.steps import Decision, Facts, Link, Look, Release, Resolve, Step, Update, Wait

_INACTIVE = 1
NOT_FOUND_CHECKS = 3  # attempts at an account that Sales does not have, or does not have yet


def is_to_be_blocked(account: Account, rules: Rules) -> bool:
    """Whether the account is inactive and its customer must therefore be blocked."""
    return rules.block_on_deactivate and account.columns.get("statecode") == _INACTIVE


def broken_rule(field_map: FieldMap, account: Account) -> str | None:
    """Return the column of the first row rule that the account does not meet; None if it meets all."""
    for rule in field_map.only_if:
        if not rule.holds(account.columns.get(rule.column)):
            return rule.column
    return None


def plan(facts: Facts, rules: Rules) -> Step:
    """Return the next step for the account."""
    if facts.account is None:
        return _gone(facts, rules)
    state = facts.state
    if rule := broken_rule(rules.field_map, facts.account):
        filtered = Decision(state=state, ending=Ending.FILTERED, detail=rule)
        return settle(facts, rules) or filtered
    blocked = is_to_be_blocked(facts.account, rules)
    if blocked and state.customer is None:  # create no customer; block one that an earlier request may create
        return _block(facts, rules, Decision(state=state, ending=Ending.FILTERED, detail="statecode"))
    if facts.problem is not None:
        ends_parked = parked(state, facts.problem)
        may_block = blocked and facts.problem.cause is not Cause.GUARD_TRIPPED  # blocking needs the key only
        return _block(facts, rules, ends_parked) if may_block else settle(facts, rules) or ends_parked
    if facts.desired is None:
        return Resolve(state=state)
    return _present(facts, rules, facts.desired, blocked=blocked)


def _gone(facts: Facts, rules: Rules) -> Step:
    """Plan for an account that Sales does not have."""
    change, before = facts.change, facts.before
    if change.kind is ChangeKind.DELETE or before.deleted:
        if before.phase is Phase.DELETED and before.settled and not change.verify:
            return Decision(state=before, ending=Ending.DELETED, detail="already", recorded=False)
        facts = replace(facts, state=replace(facts.state, deleted=True))
        deleted = Decision(state=facts.state, ending=Ending.DELETED)
        if rules.block_on_delete:
            return _block(facts, rules, deleted)
        return settle(facts, rules) or deleted
    if change.attempt < NOT_FOUND_CHECKS:
        reason = "the account does not exist, or not yet"
        return Wait(state=before, reason=reason, in_sales=True)
    if before.version is None or (before.customer is None and before.intent is None):
        rule = "never-committed" if before.version is None else "not-in-sales"
        return Decision(state=before, ending=Ending.FILTERED, detail=rule)
    return settle(facts, rules) or parked(facts.state, Problem(Cause.ACCOUNT_NOT_FOUND))


def _present(facts: Facts, rules: Rules, body: CustomerBody, *, blocked: bool) -> Step:
    """Plan for an account that Sales has and whose desired customer is known."""
    state = facts.state
    if state.customer is None:
        if state.intent is not None and not state.intent.same_as(body.key):
            changed = parked(state, Problem(Cause.KEY_CHANGED, field=rules.number_field))
            return settle(facts, rules) or changed
        return first(facts, rules, body)
    customer = state.customer
    if state.intent is not None and not state.intent.same_as(customer):
        return Release(state=state, key=state.intent)
    found = facts.seen.get(customer.folded)
    if found is not None and customer.id:
        if found.key.id != customer.id:  # the number has passed to a customer that is not ours
            return parked(state, Problem(Cause.CUSTOMER_EXISTS, field=rules.number_field))
        if not found.key.same_as(customer):
            return renamed_in_erp(facts, rules, customer, found)
    same = CustomerKey(body.key.company, customer.number) if body.key.by else body.key
    if not customer.same_as(same):
        return follow(facts, rules, body, customer)
    return _known(facts, rules, body, customer, blocked=blocked)


def _known(facts: Facts, rules: Rules, body: CustomerBody, key: CustomerKey, *, blocked: bool) -> Step:
    """Plan for an account that is linked to a customer: update the fields that differ, if any."""
    state = facts.state
    found = facts.seen.get(key.folded)
    if found is None and (facts.missed or _must_look(facts, rules, blocked=blocked)):
        if facts.missed < 2:  # a single "not found" may be a passing fault
            return Look(state=state, key=key)
        return _vanished(facts, rules, body, key, blocked=blocked)
    if found is not None and facts.missed:
        return Wait(state=state, reason="the customer was not found, then found; trying again")
    return _change(facts, rules, replace(body, key=key), found, blocked=blocked)


def _vanished(facts: Facts, rules: Rules, body: CustomerBody, key: CustomerKey, *, blocked: bool) -> Step:
    """Plan for a customer that the ERP does not have any more, as after a restore: create it again."""
    if blocked:
        return Decision(state=forgotten(facts.state), ending=Ending.UNCHANGED)
    if rules.field_map.key.assigned_by_erp:
        return parked(facts.state, Problem(Cause.CUSTOMER_GONE))
    if key.id and not facts.asked_number:  # another customer may have the number now
        return Look(state=facts.state, key=replace(key, id=""))
    return first(replace(facts, state=forgotten(facts.state)), rules, body)


def _block(facts: Facts, rules: Rules, done: Decision) -> Step:
    """Block the customer of an account that is gone or inactive. This needs the customer's key only."""
    state = facts.state
    key = state.customer or state.intent
    if key is None:
        return done
    if state.customer is None and not state.begun:
        return given_up(replace(facts, state=nothing_unknown(facts)), done)
    if state.customer is not None and state.intent is not None and not state.intent.same_as(key):
        return Release(state=state, key=state.intent)
    looked, found = key.folded in facts.seen, facts.seen.get(key.folded)
    if facts.missed and not looked:  # the ERP has nothing to block
        return replace(done, state=forgotten(state))
    if not looked and (state.customer is None or _must_look(facts, rules, blocked=True)):
        return Look(state=state, key=key)
    if looked and found is None:
        return given_up(facts, done)
    step = _before_block(facts, rules, key, found, done) if found is not None else None
    return step or _change(facts, rules, CustomerBody(key, {}), found, blocked=True, done=done)


def _before_block(
    facts: Facts, rules: Rules, key: CustomerKey, found: Customer, done: Decision
) -> Step | None:
    """Plan what comes before the block of a customer that was found: link it, or follow its new number."""
    state = facts.state
    if state.customer is None:
        if not is_ours(facts, rules, key, found):
            return given_up(facts, done)
        return Link(state=state, customer=found.key)
    if not key.id or found.key.same_as(key):
        return None
    step = renamed_in_erp(facts, rules, key, found)
    return None if isinstance(step, Decision) else step  # blocking needs no number


def _change(
    facts: Facts,
    rules: Rules,
    body: CustomerBody,
    found: Customer | None,
    *,
    blocked: bool,
    done: Decision | None = None,
) -> Decision:
    """Update the fields whose values the ERP does not have yet, as far as is known."""
    state, hold = facts.state, rules.field_map.hold
    holding = plan_hold(state, hold, found, wanted=blocked)
    fields, prints = {**body.fields, **holding.fields}, rules.fingerprints
    differ = differing(fields, found, prints) if found else not_confirmed(fields, state, prints)
    kept = kept_by_erp(differ, state, found, prints)
    wanted = {name: value for name, value in differ.items() if name not in kept}
    send = completed(wanted, fields, rules.capabilities.sent_together)
    kept = {name: value for name, value in kept.items() if name not in send}
    update = Update(
        key=body.key,
        send=send,
        fields={name: value for name, value in fields.items() if name not in kept},
        kept=kept,
        block=blocked,
        first_block=blocked and state.previous_hold is None and hold.field in send,
        previous_hold=holding.previous,
        seen=found is not None,
    )
    if done is not None:
        return replace(done, state=state, update=update)
    return Decision(state=state, ending=Ending.UPDATED if send else Ending.UNCHANGED, update=update)


def _must_look(facts: Facts, rules: Rules, *, blocked: bool) -> bool:
    """Whether the customer must be read from the ERP before fields are compared.

    It must if the check verifies, if the confirmed values do not suffice, or once an unknown outcome is over.
    After a change of the fingerprint key, one read replaces a write of all fields.
    """
    state, prints = facts.state, rules.fingerprints
    if facts.change.verify or state.fingerprint_key != prints.key_id or unknown_is_over(state, facts.now):
        return True
    return must_look(state, rules.field_map.hold, prints, wanted=blocked)
