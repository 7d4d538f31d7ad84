"""Previews a check: what it would do and send now, and where each value comes from. Reads only.

It calls the same `plan` as the pipeline, reads what each step needs, and stops at the decision.
"""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.faults import AccountFault
from shared.model.field_map import CURRENCY, MappedField
from shared.model.outcome import Ending, Problem
from shared.model.state import SyncState
from shared.ports import AccountReader, Clock, CustomerOwners, SyncStates, Target
from shared.resilience.target_in_use import TargetInUse
from shared.sync.desired_customer import BuildCustomer, ResolveCurrency, key_of_currency
from shared.sync.fields import after_look
from shared.sync.ownership import of_another
from shared.sync.plan import NOT_FOUND_CHECKS, plan
from shared.sync.rules import Rules
from shared.sync.steps import Decision, Facts, Look, Own, OwnerRow, Resolve, Wait, in_this_erp

_NO_ORGANIZATION = UUID(int=0)


@dataclass(frozen=True, slots=True)
class FieldPreview:
    """One field: the source of its value, the value, the value in the ERP, and whether it is sent.

    `kept_by_erp`: the ERP replaced this value by its own when it was sent. `differs`: the ERP has another
    value for any other reason.
    """

    name: str
    source: str
    value: FieldValue
    in_operations: FieldValue | None
    sent: bool
    kept_by_erp: bool = False
    differs: bool = False


@dataclass(slots=True)
class Preview:
    """What a check would do now: `ending`, with `detail` (rule, cause, reason); and the fields.

    `adopts`: the account gets a customer that is there already.
    """

    account_id: UUID
    ending: Ending
    detail: str = ""
    customer: CustomerKey | None = None
    problem: Problem | None = None
    exists_in_sales: bool = True
    exists_in_operations: bool | None = None
    currency: str | None = None
    adopts: bool = False
    fields: list[FieldPreview] = field(default_factory=list[FieldPreview])


@dataclass(frozen=True, slots=True)
class PreviewSync:
    """The use case behind `accountsync preview`."""

    reader: AccountReader
    target: Target
    states: SyncStates
    currency: ResolveCurrency
    build: BuildCustomer
    customers: CustomerOwners
    in_use: TargetInUse
    rules: Rules
    clock: Clock

    async def of(self, account_id: UUID) -> Preview:
        """Preview the check of an event of this account. May raise faults of the systems."""
        facts = await self._known(account_id)
        preview = Preview(account_id, Ending.RETRYING, exists_in_sales=facts.account is not None)
        if facts.account is not None and facts.account.currency is not None:
            preview.currency = facts.account.currency.name
        facts, step = await self._decided(facts)
        if isinstance(step, Wait):
            preview.detail = step.reason
            return preview
        if step.update is not None and step.update.key.folded not in facts.seen:
            key, sends = step.update.key, bool(step.update.send)
            found = await self.target.find(key)  # only to be shown
            facts = facts.saw(key, found) if found or not sends else facts.missed_customer(key)
            if sends and (found is None or not found.key.same_as(key)):  # the request would meet the same
                facts, step = await self._decided(facts)
        return self._shown(preview, facts, step) if isinstance(step, Decision) else preview

    async def _known(self, account_id: UUID) -> Facts:
        """Return the facts at the start of the check of an event."""
        stored = await self.states.get(account_id)
        now, account = self.clock.now(), await self.reader.read(account_id)
        known = stored.state if stored else SyncState(account_id=account_id, organization_id=_NO_ORGANIZATION)
        await self.in_use.compare()
        before = in_this_erp(known, self.in_use.adopted_at)
        state = before
        if account is not None:
            state = replace(before, version=account.version, read_at=account.read_at, deleted=False)
        change = AccountChange(
            organization_id=before.organization_id,
            account_id=account_id,
            kind=ChangeKind.UPDATE,
            occurred_at=now,
            source=Source.DATAVERSE_QUEUE,
            operation_id=uuid4(),
            attempt=NOT_FOUND_CHECKS,
            verify=before is not known,
        )
        return Facts(now=now, change=change, state=state, before=before, account=account)

    async def _decided(self, facts: Facts) -> tuple[Facts, Decision | Wait]:
        """Read what each step of the plan needs, until the plan returns the decision."""
        while True:
            step = plan(facts, self.rules)
            facts = replace(facts, state=step.state)
            match step:
                case Decision() | Wait():
                    return facts, step
                case Resolve():
                    facts = await self._resolved(facts)
                case Look(key=key):
                    found = await self.target.find(key)
                    names, prints = self.rules.field_map.names, self.rules.fingerprints
                    state = after_look(facts.state, facts.now, found, names, prints)
                    facts = replace(facts.saw(key, found), state=state)
                case Own(key=key, creation=creation):
                    row = await self._owner(facts.state.account_id, key)
                    facts = facts.owned(key, row if creation or row.ours else OwnerRow(ours=False))
                case _:
                    facts = facts.after(step)

    async def _resolved(self, facts: Facts) -> Facts:
        if facts.account is None:
            raise AssertionError
        try:
            key = key_of_currency(facts.account) if self.rules.field_map.has_currency else None
            code = await self.currency.code(key, fresh=True) if key else None
            return replace(facts, desired=self.build.body(facts.account, key, code))
        except AccountFault as fault:
            return replace(facts, problem=fault.problem)

    async def _owner(self, account_id: UUID, key: CustomerKey) -> OwnerRow:
        owner = await self.customers.owner(key)
        if owner is None or owner == account_id:
            return OwnerRow(ours=True)
        return of_another(await self.states.get(owner))

    def _shown(self, preview: Preview, facts: Facts, decision: Decision) -> Preview:
        """Return the decision in the form shown to people."""
        preview.ending, preview.detail, preview.problem = decision.ending, decision.detail, decision.problem
        preview.customer = decision.state.customer
        preview.adopts = facts.before.customer is None and decision.state.customer is not None
        if decision.problem is not None:
            preview.detail = str(decision.problem)
        wanted, sent, kept = dict[str, FieldValue](), set[str](), set[str]()
        if decision.create is not None:
            preview.customer, wanted = decision.create.key, dict(decision.create.fields)
            sent = set(wanted)
        elif decision.update is not None:
            preview.customer, wanted = decision.update.key, {**decision.update.fields, **decision.update.kept}
            sent, kept = set(decision.update.send), set(decision.update.kept)
        key = preview.customer.folded if preview.customer else None
        found = facts.seen.get(key) if key else None
        if key in facts.seen:
            preview.exists_in_operations = found is not None
        if decision.problem is None:
            preview.fields = [self._field(name, value, found, sent, kept) for name, value in wanted.items()]
        return preview

    def _field(
        self, name: str, value: FieldValue, found: Customer | None, sent: set[str], kept: set[str]
    ) -> FieldPreview:
        entry = self.rules.field_map.fields.get(name)
        of_account = "the account's state" if name == self.rules.field_map.hold.field else "the account's id"
        theirs = found.fields.get(name) if found else None
        return FieldPreview(
            name,
            source_of(entry) if entry else of_account,
            value,
            theirs,
            sent=name in sent,
            kept_by_erp=name in kept,
            differs=name not in kept and not self.rules.fingerprints.same(name, value, theirs),
        )


def source_of(entry: MappedField) -> str:
    """Say in words where a field's value comes from."""
    if entry.constant is not None:
        return "constant of the field map"
    if entry.setting:
        return f"setting {entry.setting}"
    if entry.via == CURRENCY:
        return "the account's currency, through the currency mapping"
    return f"column {entry.path}" + (f", through the value map {entry.via}" if entry.via else "")
