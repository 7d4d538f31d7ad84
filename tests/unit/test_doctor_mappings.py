"""The check of the mapping table: what it finds of each currency in use, and how many accounts that stops."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from shared.diagnostics.doctor.mappings import MappingsCheck
from shared.mappings.review import Review
from shared.model.account import AccountCurrency
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.finding import Finding, Grade
from shared.model.mapping import CURRENCIES, MappingTable, Usage, value_table
from shared.model.mapping_edit import Mapped, MappingRow
from shared.ports.mappings import OptionLabels
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeLabels, FakeOperations
from tests.fakes.mapping import FakeInquiry, FakeUsage
from tests.fakes.metadata import FakeSalesMetadata
from tests.fakes.tables import FakeMappings


class Rows(FakeMappings):
    """A mapping table whose rows are listed as they were made."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = [row("US Dollar", "USD"), row("Euro", "EUR")]
        self.trouble: Exception | None = None

    async def rows(self) -> Sequence[MappingRow]:
        if self.trouble is not None:
            raise self.trouble
        return self.listed


def row(name: str, code: str, key: str = "") -> MappingRow:
    return MappingRow(key or name.casefold(), Mapped(name, code), "etag")


@dataclass
class World:
    """A complete table and two currencies in use; everything is right until a test changes it."""

    mappings: Rows = field(default_factory=Rows)
    erp: FakeOperations = field(default_factory=lambda: FakeOperations(FakeClock()))
    inquiry: FakeInquiry = field(default_factory=FakeInquiry)
    sales: FakeSalesMetadata = field(default_factory=FakeSalesMetadata)
    needed: bool = True
    of: MappingTable = CURRENCIES
    known: FakeUsage = field(default_factory=FakeUsage)
    labels: OptionLabels | None = None

    def __post_init__(self) -> None:
        self.inquiry.listed = [AccountCurrency("US Dollar", "USD"), AccountCurrency("Euro", "EUR")]
        self.sales.use("US Dollar", 1200)
        self.sales.use("Euro", 1)

    async def findings(self) -> Sequence[Finding]:
        review = Review(self.erp, self.inquiry, self.known, self.of, self.labels)
        return await MappingsCheck(self.mappings, review, self.sales, 3, self.needed).check()

    async def only(self) -> Finding:
        (found,) = [finding for finding in await self.findings() if finding.grade is not Grade.FINE]
        return found


async def test_a_complete_table_gives_one_good_finding() -> None:
    (found,) = await World().findings()
    assert (found.grade, found.what) == (Grade.FINE, "All 2 currencies in use have a row.")


async def test_a_map_that_sends_no_currency_needs_no_table() -> None:
    world = World(needed=False)
    world.mappings.trouble = AssertionError("nothing is read")
    (found,) = await world.findings()
    assert found.grade is Grade.FINE


async def test_a_currency_in_use_without_a_row_is_an_error_with_the_accounts_that_it_stops() -> None:
    world = World()
    world.sales.use("Yen", 17)
    found = await world.only()
    assert (found.check, found.grade) == ("currency mapping: Yen", Grade.WARNING)
    assert "17 active accounts" in found.why
    assert "accountsync currency set" in found.remedy


async def test_a_count_that_stopped_early_is_said_to_be_the_least() -> None:
    world = World()
    world.sales.use("Yen", 5000, at_least=True)
    assert "at least 5,000 active accounts" in (await world.only()).why


async def test_a_currency_of_sales_that_nobody_uses_needs_no_row() -> None:
    world = World()
    world.inquiry.listed.append(AccountCurrency("Yen", "JPY"))
    assert [one.grade for one in await world.findings()] == [Grade.FINE]


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([row("Euro", "EUR"), row("EURO ", "EUR", "other")], "2 rows are of the currency"),
        ([row("Euro", "")], "has no code"),
        ([row("Euro", "EUROS")], "longer than 3"),
        ([row("Euro", "EUX")], 'no currency "EUX"'),
    ],
)
async def test_a_wrong_row_stops_the_accounts_of_its_currency(
    rows: list[MappingRow], what: str, *, used: bool
) -> None:
    world = World()
    world.mappings.listed = [row("US Dollar", "USD"), *rows]
    if not used:
        del world.sales.uses[1]
    found = await world.only()
    assert found.grade is Grade.WARNING
    assert what in found.what
    assert ("1 active account:" in found.why) is used
    assert found.remedy


async def test_a_code_that_differs_from_the_iso_code_of_sales_is_a_warning() -> None:
    world = World()
    world.mappings.listed = [row("US Dollar", "USD"), row("Euro", "GBP")]
    found = await world.only()
    assert (found.check, found.grade) == ("currency mapping: Euro", Grade.WARNING)


async def test_a_code_in_another_case_than_the_erps_is_a_warning() -> None:
    world = World()
    world.mappings.listed = [row("US Dollar", "USD"), row("Euro", "eur")]
    assert (await world.only()).grade is Grade.WARNING


async def test_a_row_without_a_usable_name_is_told_by_the_noun_of_its_table() -> None:
    world = World()
    terms = value_table("payment-terms", fields=("PaymentTerms",))
    world.mappings.listed = [row("", "Net30", "x")]
    review = Review(world.erp, world.inquiry, FakeUsage(), terms)
    (found,) = await MappingsCheck(world.mappings, review, world.sales, 10).check()
    assert "currency" not in f"{found.what} {found.why} {found.remedy}"


async def test_a_row_with_a_name_that_no_currency_has_is_a_warning() -> None:
    world = World()
    world.mappings.listed.append(row(" ", "EUR", "made-by-hand"))
    assert (await world.only()).grade is Grade.WARNING


# --- tables of other values: in use is what accounts are parked for


def of_terms(labels: OptionLabels | None = None) -> World:
    columns = ("paymenttermscode",) if labels else ()
    world = World(of=value_table("payment-terms", fields=("PaymentTerms",), labels=columns), labels=labels)
    world.mappings.listed, world.erp.codes = [row("Net 10", "N10")], {"PaymentTerms": {"N10"}}
    return world


async def test_a_value_without_a_row_is_told_with_the_accounts_that_it_stops() -> None:
    world = of_terms()
    world.known.by_key = {"net 30": Usage(4, 3), "net 10": Usage(7, 0), "of deleted accounts": Usage(1, 0)}
    found = await world.only()
    assert (found.check, found.grade) == ("mapping payment-terms: net 30", Grade.WARNING)
    assert "at least 3 active accounts" in found.why
    assert "accountsync mapping set payment-terms" in found.remedy


@pytest.mark.parametrize(("parked", "why"), [(3, "at least 3 active accounts"), (0, "No account is parked")])
async def test_a_choice_without_a_row_is_told_with_the_accounts_that_it_stops(parked: int, why: str) -> None:
    labels = FakeLabels()
    labels.columns = {"paymenttermscode": {1: "Net 10", 2: "Net 30"}}
    world = of_terms(labels)
    world.known.by_key = {"net 30": Usage(4, parked), "2": Usage(4, parked)}
    found = await world.only()
    assert found.check == "mapping payment-terms: Net 30"
    assert why in found.why


async def test_accounts_that_cannot_be_counted_in_time_leave_the_use_unchecked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = of_terms()

    async def hangs(_: MappingTable) -> Mapping[str, Usage]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr("shared.diagnostics.doctor.mappings.LONGEST_COUNT", 0.01)
    monkeypatch.setattr(world.known, "usage", hangs)
    found = await world.only()
    assert (found.check, found.grade) == ("mapping payment-terms: values in use", Grade.NOT_CHECKED)


async def test_an_erp_that_is_away_leaves_the_codes_unchecked() -> None:
    world = World()
    world.erp.trouble = TransientFault(System.OPERATIONS, "answered 503")
    found = await world.only()
    assert (found.check, found.grade) == ("currency mapping: codes", Grade.NOT_CHECKED)


async def test_accounts_that_may_not_be_counted_leave_the_use_unchecked_and_errors_stay_errors() -> None:
    world = World()
    world.sales.fault = ConfigurationFault(System.DATAVERSE, "answered 403.", "Give the right.")
    world.mappings.listed = [row("Euro", "EUX")]
    wrong, unread = await world.findings()
    assert (wrong.grade, unread.grade) == (Grade.WARNING, Grade.NOT_CHECKED)
    assert "stops its accounts" in wrong.why
    assert unread.remedy == "Give the right."


async def test_a_table_that_is_away_is_not_checked() -> None:
    world = World()
    world.mappings.trouble = TransientFault(System.TABLES, "answered 503")
    (found,) = await world.findings()
    assert found.grade is Grade.NOT_CHECKED
