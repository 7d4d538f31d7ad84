"""Previews a sync: what it would do and send now, and where each value comes from. Reads only.

It follows the pipeline's own rules over the same parts; whatever would park the account becomes the
preview's problem instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from shared.model.account import Account
from shared.model.customer import Customer, CustomerBody, CustomerKey, FieldValue, Fingerprints, same_value
from shared.model.faults import AccountFault
from shared.model.field_map import CURRENCY, FieldMap, MappedField
from shared.model.mapping import fold
from shared.model.outcome import Cause, Ending, Problem
from shared.model.state import SyncState
from shared.ports import AccountReader, CustomerOwners, CustomerWriter, SyncStates
from shared.sync.desired_customer import BuildCustomer, ResolveCurrency, broken_rule, key_of_currency
from shared.sync.fields import differing, not_confirmed, plan_hold

_INACTIVE = 1


@dataclass(frozen=True, slots=True)
class FieldPreview:
    """One field: where its value comes from, the value, what stands in Operations, whether it is sent."""

    name: str
    source: str
    value: FieldValue
    in_operations: FieldValue | None
    sent: bool

    @property
    def differs(self) -> bool:
        """Whether Operations has another value."""
        return not same_value(self.value, self.in_operations)


@dataclass(slots=True)
class Preview:
    """What a sync would do now: `ending`, with `detail` (the rule, the cause); and the fields."""

    account_id: UUID
    ending: Ending
    detail: str = ""
    customer: CustomerKey | None = None
    problem: Problem | None = None
    exists_in_sales: bool = True
    exists_in_operations: bool | None = None
    currency: str | None = None
    fields: list[FieldPreview] = field(default_factory=list[FieldPreview])


@dataclass(frozen=True, slots=True)
class PreviewSync:
    """The use case behind `accountsync preview`; `existing` is match, adopt or park."""

    reader: AccountReader
    writer: CustomerWriter
    states: SyncStates
    currency: ResolveCurrency
    build: BuildCustomer
    field_map: FieldMap
    fingerprints: Fingerprints
    customers: CustomerOwners
    existing: str
    block_on_deactivate: bool

    async def of(self, account_id: UUID) -> Preview:
        """What a sync of this account would do now. May raise faults of the systems."""
        stored = await self.states.get(account_id)
        state = stored.state if stored else None
        account = await self.reader.read(account_id)
        preview = Preview(account_id, Ending.UNCHANGED, customer=state.customer if state else None)
        if account is None:
            preview.exists_in_sales = False
            preview.ending = Ending.DELETED
            return preview
        if rule := broken_rule(self.field_map, account):
            preview.ending, preview.detail = Ending.FILTERED, rule
            return preview
        preview.currency = account.currency.name if account.currency else None
        try:
            await self._fill(preview, account, state)
        except AccountFault as fault:
            preview.ending, preview.problem = Ending.PARKED, fault.problem
            preview.detail = str(fault.problem)
        return preview

    async def _fill(self, preview: Preview, account: Account, state: SyncState | None) -> None:
        """Follow the pipeline up to the write. Raises AccountFault for what would park the account."""
        hold = account.columns.get("statecode") == _INACTIVE and self.block_on_deactivate
        known = state.customer if state else None
        if hold and known is None:
            preview.ending, preview.detail = Ending.FILTERED, "statecode"
            return
        key = key_of_currency(account) if self.field_map.has_currency else None
        code = await self.currency.code(key, fresh=True) if key else None
        body = self.build.body(account, key, code)
        moved = known is not None and not body.key.by and not known.same_as(body.key)
        if moved and known is not None and await self.writer.find(known) is not None:
            raise AccountFault(Problem(Cause.KEY_CHANGED, field=self.field_map.key.target))
        known = None if moved else known
        preview.customer = known or body.key
        found = await self.writer.find(known or body.key)
        preview.exists_in_operations = found is not None
        wanted: Mapping[str, FieldValue] = body.fields
        if state is not None and known is not None:
            wanted = {**wanted, **plan_hold(state, self.field_map.hold, found, wanted=hold).fields}
        else:
            previous = await self._check_owner(account.account_id, body, found)
            if previous is not None:
                wanted = {**wanted, self.field_map.hold.target: previous}
        sent = self._sent(wanted, state, known, found)
        preview.fields = [self._field(name, value, found, name in sent) for name, value in wanted.items()]
        if found is None:
            preview.ending = Ending.CREATED
        else:
            preview.ending = Ending.UPDATED if sent else Ending.UNCHANGED

    async def _check_owner(self, account_id: UUID, body: CustomerBody, found: Customer | None) -> str | None:
        """Whether the customer may become the account's. Raises AccountFault.

        The value to go back to where it is blocked for the deleted account that had it before.
        """
        target = self.field_map.key.target
        owner = await self.customers.owner(found.key if found else body.key)
        refused, previous = Cause.CUSTOMER_EXISTS, None
        if owner is not None and owner != account_id:
            refused = Cause.NUMBER_TAKEN
            stored = await self.states.get(owner)
            if stored is None or not (stored.state.deleted and stored.state.settled):
                raise AccountFault(Problem(refused, field=target))
            previous = stored.state.previous_hold
        if found is None or owner == account_id or self.existing == "adopt":
            return previous
        names = [name for name, entry in self.field_map.fields.items() if entry.column == "name"]
        same = all(fold(str(body.fields[name])) == fold(str(found.fields.get(name, ""))) for name in names)
        if self.existing == "park" or not (names and same):
            raise AccountFault(Problem(refused, field=target))
        return previous

    def _sent(
        self,
        wanted: Mapping[str, FieldValue],
        state: SyncState | None,
        known: CustomerKey | None,
        found: Customer | None,
    ) -> Mapping[str, FieldValue]:
        """All of a customer to be created, what differs of one to be adopted, else what is not confirmed."""
        if found is None:
            return wanted
        if state is None or known is None or state.fingerprint_key != self.fingerprints.key_id:
            return differing(wanted, found)
        return not_confirmed(wanted, state, self.fingerprints)

    def _field(self, name: str, value: FieldValue, found: Customer | None, sent: bool) -> FieldPreview:
        entry = self.field_map.fields.get(name)
        of_account = "the account's state" if name == self.field_map.hold.target else "the account's id"
        source = source_of(entry) if entry else of_account
        return FieldPreview(name, source, value, found.fields.get(name) if found else None, sent)


def source_of(entry: MappedField) -> str:
    """Where a field's value comes from, in words."""
    if entry.constant is not None:
        return "constant of the field map"
    if entry.setting:
        return f"setting {entry.setting}"
    if entry.via == CURRENCY:
        return "the account's currency, through the currency mapping"
    return f"column {entry.path}" + (f", through the value map {entry.via}" if entry.via else "")
