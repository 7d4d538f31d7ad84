"""Previews a check: what it would do and send now, and where each value comes from. Reads only."""

from dataclasses import dataclass, field
from uuid import UUID

from shared.model.change import ChangeKind
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.field_source import CURRENCY, CUSTOMER, MappedField
from shared.model.outcome import Ending, Problem
from shared.sync.decide import Decide
from shared.sync.steps import Decision, Facts, Wait


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
class PreviewSync(Decide):
    """The use case behind `accountsync preview`."""

    async def of(self, account_id: UUID, *, replay: bool = False) -> Preview:
        """Preview the check of an event of this account, or of a replay, which reads the customer first.

        May raise faults of the systems.
        """
        kind = ChangeKind.CHECK if replay else ChangeKind.UPDATE
        facts = await self.known(account_id, kind, verify=replay)
        preview = Preview(account_id, Ending.RETRYING, exists_in_sales=facts.account is not None)
        if facts.account is not None and facts.account.currency is not None:
            preview.currency = facts.account.currency.name
        facts, step = await self.decided(facts)
        if isinstance(step, Wait):
            preview.detail = step.reason
            return preview
        if step.update is not None and step.update.key.folded not in facts.seen:
            key, sends = step.update.key, bool(step.update.send)
            found = await self.target.find(key)  # only to be shown
            facts = facts.saw(key, found) if found or not sends else facts.missed_customer(key)
            if sends and (found is None or not found.key.same_as(key)):  # the request would meet the same
                facts, step = await self.decided(facts)
        return self._shown(preview, facts, step) if isinstance(step, Decision) else preview

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
    if entry.via == CUSTOMER:
        return f"the customer of the account in column {entry.path}"
    read = f"column {entry.path}" + (", its label" if entry.label else "")
    if entry.table is not None:
        return f"{read}, through the mapping table {entry.table}"
    return read + (f", through the value map {entry.value_map}" if entry.value_map else "")
