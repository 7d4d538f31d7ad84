"""Edits of the mapping: reviewed, recorded, stopped by another editor, brought to their end, undone."""

import unicodedata
from dataclasses import dataclass, field

import pytest

from shared.mappings.edit import EditMapping, EditStoppedError, NoSuchCurrencyError
from shared.mappings.findings import Finding, Kind, Severity
from shared.mappings.plan import Plan
from shared.mappings.review import Effect, Review, affected, released
from shared.mappings.sheet import Sheet, WantedRow
from shared.model.account import AccountCurrency
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.mapping import Usage
from shared.model.mapping_edit import Mapped, MappingConflict
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeOperations
from tests.fakes.mapping import FakeInquiry, FakeUsage
from tests.fakes.tables import FakeMappings


@dataclass
class Desk:
    """An editor at the table, and what surrounds it."""

    table: FakeMappings = field(default_factory=FakeMappings)
    sales: FakeInquiry = field(default_factory=FakeInquiry)
    usage: FakeUsage = field(default_factory=FakeUsage)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.erp = FakeOperations(self.clock, currencies={"USD", "EUR", "GBP", "JPY", "TRY"})
        review = Review(self.erp, self.sales, self.usage)
        self.mapping = EditMapping(self.table, review, self.clock, 3)

    async def take(self, plan: Plan, by: str = "me", source: str = "file.xlsx") -> str:
        self.clock.advance(1)
        edit = self.mapping.new_edit(by, source, "00")
        await self.mapping.carry_out(plan, edit, lambda _: None)
        return edit.id

    async def import_(self, *rows: tuple[str, str], replace: bool = False) -> str:
        return await self.take(await self.plan(*rows, replace=replace))

    async def plan(self, *rows: tuple[str, str], replace: bool = False) -> Plan:
        wanted = [WantedRow(number, Mapped(*row)) for number, row in enumerate(rows, start=2)]
        return await self.mapping.plan_import(Sheet(wanted), replace=replace)

    def codes(self) -> dict[str, str]:
        return {row.mapped.crm: row.mapped.ax for row in self.table.table.values()}


def many(count: int, code: str = "USD") -> list[tuple[str, str]]:
    return [(f"Currency {number}", code) for number in range(count)]


async def test_an_import_is_recorded_with_who_when_before_and_after() -> None:
    desk = Desk()
    await desk.import_(("Euro", "EUR"))
    await desk.take(await desk.mapping.plan_set("euro", " GBP "), "you", "currency set")
    first, second = await desk.mapping.history_of()
    assert (first.edit.by, first.edit.source) == ("me", "file.xlsx")
    assert (second.edit.by, second.edit.source, second.edit.at) == ("you", "currency set", desk.clock.now())
    assert [(c.before, c.after) for c in second.changes] == [(Mapped("Euro", "EUR"), Mapped("Euro", "GBP"))]


async def test_a_large_import_goes_in_batches_that_make_one_version() -> None:
    desk = Desk()
    done: list[int] = []
    plan = await desk.plan(*many(250))
    await desk.mapping.carry_out(plan, desk.mapping.new_edit("me", "f", "00"), done.append)
    assert sorted(done) == [54, 98, 98]
    (version,) = await desk.mapping.history_of()
    assert len(version.changes) == len(desk.codes()) == 250


async def test_a_second_editors_change_is_never_overwritten() -> None:
    desk = Desk()
    await desk.import_(("Euro", "EUR"), ("Yen", "JPY"))
    plan = await desk.plan(("Euro", "GBP"))
    desk.table.put("euro", "Euro", "USD")
    with pytest.raises(EditStoppedError, match=r'changed "Euro" meanwhile.*0 of 1') as stopped:
        await desk.take(plan)
    assert stopped.value.conflict
    assert desk.codes() == {"Euro": "USD", "Yen": "JPY"}
    assert len(await desk.mapping.history_of()) == 1


@pytest.mark.parametrize("fault", [MappingConflict("x"), TransientFault(System.TABLES, "answered 500")])
async def test_an_import_that_was_stopped_is_brought_to_its_end_by_the_same_command(fault: Exception) -> None:
    desk = Desk()
    desk.table.fail_on = {1: fault}  # type: ignore[dict-item]
    with pytest.raises(EditStoppedError, match="of 250 changes were taken; run the same command again"):
        await desk.import_(*many(250))
    taken = len(desk.codes())
    assert 0 < taken < 250
    desk.table.fail_on = {}
    plan = await desk.plan(*many(250))
    assert len(plan.changes) == 250 - taken
    await desk.take(plan)
    assert len(desk.codes()) == 250
    assert (await desk.plan(*many(250))).changes == []


async def test_undo_takes_the_last_version_back_and_can_be_undone() -> None:
    desk = Desk()
    await desk.import_(("Euro", "EUR"), ("Yen", "JPY"))
    await desk.import_(("Euro", "GBP"), replace=True)
    await desk.take(await desk.mapping.plan_undo(None))
    assert desk.codes() == {"Euro": "EUR", "Yen": "JPY"}
    await desk.take(await desk.mapping.plan_undo(None))
    assert desk.codes() == {"Euro": "GBP"}


async def test_undo_goes_back_to_any_version_and_before_the_first() -> None:
    desk = Desk()
    desk.table.put("crown", "Crown", "SEK")
    states = {}
    for code in ("EUR", "USD", "GBP"):
        version = await desk.import_(("Euro", code), (f"Only {code}", code))
        states[version] = desk.codes()
    for version, codes in states.items():
        await desk.take(await desk.mapping.plan_undo(version))
        assert desk.codes() == codes
    await desk.take(await desk.mapping.plan_undo("start"))
    assert desk.codes() == {"Crown": "SEK"}


async def test_undo_of_nothing_does_nothing() -> None:
    assert (await Desk().mapping.plan_undo(None)).changes == []


async def test_the_table_of_sales_fills_gaps_and_leaves_what_is_mapped() -> None:
    desk = Desk()
    desk.sales.listed = [AccountCurrency("Euro", "EUR"), AccountCurrency("Lira", "TRY")]
    await desk.import_(("euro", "GBP"), ("Old", "USD"))
    await desk.take(await desk.mapping.plan_from_sales(replace=False))
    assert desk.codes() == {"euro": "GBP", "Old": "USD", "Lira": "TRY"}
    await desk.take(await desk.mapping.plan_from_sales(replace=True))
    assert desk.codes() == {"Euro": "EUR", "Lira": "TRY"}


async def test_a_currency_of_sales_without_iso_code_is_refused_not_guessed() -> None:
    desk = Desk()
    desk.sales.listed = [AccountCurrency("Points", None)]
    plan = await desk.mapping.plan_from_sales(replace=False)
    assert [finding.kind for finding in plan.findings] == [Kind.EMPTY_CODE]


async def test_delete_removes_every_row_of_the_name() -> None:
    desk = Desk()
    desk.table.put("1", "EURO", "EUR")
    desk.table.put("2", "Euro", "EUX")
    await desk.take(await desk.mapping.plan_delete(" euro"))
    assert desk.codes() == {}
    with pytest.raises(NoSuchCurrencyError, match='no row for "Euro"'):
        await desk.mapping.plan_delete("Euro")


def kinds(findings: list[Finding]) -> list[tuple[Kind, int | None]]:
    return [(finding.kind, finding.row) for finding in findings]


async def test_a_plan_warns_of_codes_that_the_systems_do_not_agree_with() -> None:
    desk = Desk()
    desk.sales.listed = [AccountCurrency("US Dollar", "USD"), AccountCurrency("Euro", "EUR")]
    plan = await desk.plan(("us dollar", "EUR"), ("Euro", "E1"), ("Lira", "TLR"))
    assert kinds(plan.findings) == [
        (Kind.OTHER_ISO_CODE, 2),
        *((kind, 3) for kind in (Kind.NOT_ISO, Kind.UNKNOWN_CODE, Kind.OTHER_ISO_CODE)),
        (Kind.UNKNOWN_CODE, 4),
    ]
    assert all(finding.severity is Severity.WARNING for finding in plan.findings)
    assert not plan.refused(strict=False)
    assert plan.refused(strict=True)


async def test_a_system_that_does_not_answer_is_a_finding_not_the_end() -> None:
    desk = Desk()
    desk.sales.fault = TransientFault(System.DATAVERSE, "no answer")
    desk.erp.trouble = ConfigurationFault(System.OPERATIONS, "answered 401.", "Check.")
    plan = await desk.plan(("Euro", "EUR"))
    assert kinds(plan.findings) == [(Kind.NOT_CHECKED, None)] * 2
    assert plan.refused(strict=True)
    await desk.take(plan)
    assert desk.codes() == {"Euro": "EUR"}


async def test_a_plan_tells_whom_it_concerns_and_whom_it_releases() -> None:
    desk = Desk()
    await desk.import_(("Euro", "USD"), ("Lira", "TLR"))
    desk.usage.by_key = {"euro": Usage(7, 0), "yen": Usage(3, 2), "lira": Usage(5, 4), "crown": Usage(9, 9)}
    plan = await desk.plan(("Euro", "EUR"), ("YEN", "JPY"), ("Lira", "TRX"), replace=True)
    effect = Effect(desk.usage.by_key)
    assert affected(plan, effect) == 7 + 3 + 5
    assert released(plan, effect) == 2, "Operations has no TRX, so nobody waits for it any less"


async def test_a_check_finds_all_that_is_wrong_with_the_table() -> None:
    desk = Desk()
    desk.sales.listed = [AccountCurrency("Euro", "EUR"), AccountCurrency("Crown", "SEK")]
    for row_key, crm, ax in (
        *(("1", "", "EUR"), ("2", "Yen", "JPY"), ("3", "yen", "JPY")),
        *(("4", "Pound", " "), ("5", "Rand", "RAND"), ("6", "Euro", "USD"), ("7", "Lira", "TLR")),
    ):
        desk.table.put(row_key, crm, ax)
    findings = await desk.mapping.check()
    assert sorted((str(finding.kind), finding.name) for finding in findings) == [
        ("bad-name", ""),
        ("duplicate", "Yen"),
        ("empty-code", "Pound"),
        ("long-code", "Rand"),
        ("not-mapped", "Crown"),
        ("other-iso-code-in-sales", "Euro"),
        ("unknown-in-operations", "Lira"),
    ]


async def test_a_code_that_is_only_wrong_in_case_is_corrected_and_said_to_be() -> None:
    desk = Desk()
    plan = await desk.plan(("Euro", "eur"), ("Lira", "tlr"))
    assert [tuple(change.mapped) for change in plan.changes] == [("Euro", "EUR"), ("Lira", "tlr")]
    (found,) = [finding for finding in plan.findings if finding.kind is Kind.CODE_CASE]
    assert found.message == 'The code "eur" of "Euro" is written "EUR" in Operations.'
    assert plan.refused(strict=True)


async def test_without_operations_no_code_is_corrected() -> None:
    desk = Desk()
    desk.erp.trouble = TransientFault(System.OPERATIONS, "no answer")
    plan = await desk.plan(("Euro", "eur"))
    assert [change.mapped.ax for change in plan.changes] == ["eur"]


@pytest.mark.parametrize("written", [" Euro ", "Eu\u0301ro", "Euro  Note"])
async def test_a_change_that_nobody_can_see_is_no_change(written: str) -> None:
    desk = Desk()
    await desk.take(await desk.plan((written, "EUR")))
    seen = unicodedata.normalize("NFC", " ".join(written.split()))
    plan = await desk.plan((seen, "EUR"))
    assert (list(plan.changes), plan.unchanged) == ([], 1)
    assert [change.mapped.crm for change in (await desk.plan((seen.upper(), "EUR"))).changes] == [
        seen.upper()
    ]
