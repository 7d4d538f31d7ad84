"""Sales' descriptions of itself, and an ERP's set-up, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from shared.model.account import AccountCurrency
from shared.model.description import (
    CurrencyUse,
    FieldDescription,
    Organization,
    TableDescription,
    ValueType,
)
from shared.model.faults import Fault
from shared.model.finding import Finding


def text(length: int) -> FieldDescription:
    return FieldDescription(ValueType.TEXT, max_length=length)


def choice(*values: str) -> FieldDescription:
    return FieldDescription(ValueType.CHOICE, values=frozenset(values))


def account_columns() -> dict[str, FieldDescription]:
    """The columns of the table account that field maps usually read, with their delivered lengths."""
    lengths = {"name": 160, "accountnumber": 20, "emailaddress1": 100, "telephone1": 50, "fax": 50}
    lengths |= {"websiteurl": 200, "description": 2000}
    lengths |= {"address1_line1": 250, "address1_line2": 250, "address1_city": 80, "address1_country": 80}
    lengths |= {"address1_stateorprovince": 50, "address1_postalcode": 20}
    return {
        **{name: text(length) for name, length in lengths.items()},
        "statecode": FieldDescription(ValueType.CHOICE),
        "statuscode": FieldDescription(ValueType.CHOICE),
        "customertypecode": choice(*map(str, range(1, 13))),
        "creditlimit": FieldDescription(ValueType.DECIMAL),
        "numberofemployees": FieldDescription(ValueType.INTEGER),
        "creditonhold": FieldDescription(ValueType.YES_NO),
        "primarycontactid": FieldDescription(ValueType.LOOKUP, refers_to=("contact",)),
        "transactioncurrencyid": FieldDescription(ValueType.LOOKUP, refers_to=("transactioncurrency",)),
        "parentaccountid": FieldDescription(ValueType.LOOKUP, refers_to=("account",)),
        "ownerid": FieldDescription(ValueType.LOOKUP, refers_to=("systemuser", "team")),
    }


def _tables() -> dict[str, TableDescription]:
    contact = {"fullname": text(160), "lastname": text(50)}
    return {
        "account": TableDescription("account", account_columns(), change_tracking=True),
        "contact": TableDescription("contact", contact, change_tracking=True),
    }


@dataclass
class FakeSalesMetadata:
    """Implements SalesMetadata; `fault` is what every question is answered with."""

    tables: dict[str, TableDescription] = field(default_factory=_tables)
    uses: list[CurrencyUse] = field(default_factory=list[CurrencyUse])
    fault: Fault | None = None
    identity: Organization = field(default_factory=lambda: Organization(UUID(int=1), 1033))

    def change(self, **columns: FieldDescription | None) -> None:
        """Describe columns of the account in another way; None takes one away."""
        account = self.tables["account"]
        changed = {**account.columns, **columns}
        kept = {name: column for name, column in changed.items() if column is not None}
        self.tables["account"] = replace(account, columns=kept)

    def use(self, name: str, accounts: int, *, at_least: bool = False) -> None:
        self.uses.append(CurrencyUse(AccountCurrency(name), accounts, at_least))

    async def organization(self) -> Organization:
        self._answer()
        return self.identity

    async def table(self, name: str, columns: Collection[str]) -> TableDescription | None:
        self._answer()
        if (found := self.tables.get(name)) is None:
            return None
        return replace(found, columns={one: found.columns[one] for one in columns if one in found.columns})

    async def used_currencies(self) -> Sequence[CurrencyUse]:
        self._answer()
        return self.uses

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault


@dataclass
class FakeSetUp:
    """Implements SetUp."""

    found: list[Finding] = field(default_factory=list[Finding])
    fault: Fault | None = None

    async def points(self) -> Sequence[Finding]:
        if self.fault is not None:
            raise self.fault
        return self.found
