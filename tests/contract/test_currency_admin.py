"""The port CurrencyMappings: the fake and Azurite behave alike; what its rows are to the app's own reader."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from azure.data.tables.aio import TableClient

from shared.mappings.edit import EditMapping
from shared.mappings.history import MOST_CHANGES, edit_id
from shared.mappings.plan import make_plan, removal
from shared.mappings.review import Review
from shared.mappings.sheet import WantedRow
from shared.model.mapping import CURRENCIES, PARTITION, currency_key, escape_key, value_table
from shared.model.mapping_edit import Edit, Mapped, MappingConflict, RowChange
from shared.ports.mappings import CurrencyMappings
from shared.storage.currency_mappings import CurrencyTable
from tests.contract.conftest import NewTable, NewTables
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeOperations
from tests.fakes.mapping import FakeInquiry, FakeUsage
from tests.fakes.tables import FakeMappings

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, UTC)
AWKWARD = [
    *("Rand R/c #1", "50% Dollar?", "a\\b", "tab\there", "line\nbreak"),
    *("€ 💶 ﷺ", "'quoted''", "HISTORY|x"),
]


class Editor(NamedTuple):
    """The port, and how a person changes a row by other means."""

    admin: CurrencyMappings
    by_hand: Callable[[str, str, str], Awaitable[None]]


@pytest.fixture(params=["fake", "azurite", "memory", "memory of values"])
async def editor(request: pytest.FixtureRequest, new_tables: NewTables) -> AsyncIterator[Editor]:
    if request.param == "fake":
        fake = FakeMappings()

        async def put(row_key: str, crm: str, ax: str) -> None:
            fake.put(row_key, crm, ax)

        yield Editor(fake, put)
        return
    kind, _, of_values = request.param.partition(" ")
    table, of = await new_tables[kind](), value_table("payment-terms") if of_values else CURRENCIES
    if of_values:  # the rows of another mapping table are beside those of this one
        other = CurrencyTable(table, FakeClock(), 60, of=value_table("delivery-terms"))
        await other.write(edit(0), 0, [added("Other", "O")])

    async def upsert(row_key: str, crm: str, ax: str) -> None:
        row = {"PartitionKey": of.partition, "RowKey": row_key, of.source: crm, of.target: ax}
        await table.upsert_entity(row)

    yield Editor(CurrencyTable(table, FakeClock(), 60, of=of), upsert)


def edit(number: int, source: str = "file.xlsx") -> Edit:
    return Edit(f"2026-{number}", NOW, "me", source)


def added(name: str, code: str) -> RowChange:
    return RowChange(escape_key(currency_key(name)), None, Mapped(name, code))


async def codes(admin: CurrencyMappings) -> dict[str, str]:
    return {row.mapped.crm: row.mapped.ax for row in await admin.rows()}


async def test_changes_are_carried_out_and_recorded(editor: Editor) -> None:
    await editor.admin.write(edit(1), 0, [added("Euro", "EUX"), added("Yen", "JPY")])
    rows = {row.mapped.crm: row for row in await editor.admin.rows()}
    changed = RowChange("euro", rows["Euro"].mapped, Mapped("EURO", "EUR"), rows["Euro"].etag)
    await editor.admin.write(edit(2, "by hand"), 0, [changed, removal(rows["Yen"])])
    assert await codes(editor.admin) == {"EURO": "EUR"}
    first, second = await editor.admin.history()
    assert (first.edit, second.edit) == (edit(1), edit(2, "by hand"))
    assert [(c.row_key, c.before, c.after) for c in second.changes] == [
        ("euro", Mapped("Euro", "EUX"), Mapped("EURO", "EUR")),
        ("yen", Mapped("Yen", "JPY"), None),
    ]


async def test_names_of_any_characters_are_kept_and_recorded_exactly(editor: Editor) -> None:
    await editor.admin.write(edit(1), 0, [added(name, "USD") for name in AWKWARD])
    assert set(await codes(editor.admin)) == set(AWKWARD)
    (version,) = await editor.admin.history()
    assert [change.after for change in version.changes] == [Mapped(name, "USD") for name in AWKWARD]


async def test_a_row_that_another_editor_changed_is_refused_and_nothing_of_its_batch_taken(
    editor: Editor,
) -> None:
    await editor.admin.write(edit(1), 0, [added("Euro", "EUR")])
    (row,) = await editor.admin.rows()
    await editor.by_hand("euro", "Euro", "GBP")
    stale = RowChange("euro", row.mapped, Mapped("Euro", "USD"), row.etag)
    with pytest.raises(MappingConflict, match="Euro"):
        await editor.admin.write(edit(2), 0, [added("Yen", "JPY"), stale])
    assert await codes(editor.admin) == {"Euro": "GBP"}
    assert len(await editor.admin.history()) == 1


async def test_a_row_that_is_there_meanwhile_is_not_added_again(editor: Editor) -> None:
    await editor.by_hand("euro", "Euro", "GBP")
    with pytest.raises(MappingConflict):
        await editor.admin.write(edit(1), 0, [added("Euro", "EUR")])
    assert await codes(editor.admin) == {"Euro": "GBP"}


@pytest.mark.parametrize("after", [None, Mapped("Euro", "USD")], ids=["removed", "changed"])
async def test_a_row_that_is_gone_meanwhile_is_a_conflict(editor: Editor, after: Mapped | None) -> None:
    await editor.admin.write(edit(1), 0, [added("Euro", "EUR")])
    (row,) = await editor.admin.rows()
    await editor.admin.write(edit(2), 0, [removal(row)])
    with pytest.raises(MappingConflict):
        await editor.admin.write(edit(3), 0, [RowChange("euro", row.mapped, after, row.etag)])


async def test_the_parts_of_an_edit_make_one_version(editor: Editor) -> None:
    for part in (1, 0, 2):
        await editor.admin.write(edit(1), part, [added(f"Currency {part}", "USD")])
    (version,) = await editor.admin.history()
    assert [change.mapped.crm for change in version.changes] == ["Currency 0", "Currency 1", "Currency 2"]


async def test_a_full_batch_of_the_longest_names_fits_one_transaction(editor: Editor) -> None:
    names = [f"{number:03d}{'x' * 500}" for number in range(MOST_CHANGES)]
    await editor.admin.write(edit(1), 0, [added(name, "USD") for name in names])
    (version,) = await editor.admin.history()
    assert [change.mapped.crm for change in version.changes] == names


# --- on the table alone


@dataclass
class Table:
    """The table, its editor, and the app's reader."""

    client: TableClient
    clock: FakeClock

    @property
    def mapping(self) -> EditMapping:
        review = Review(FakeOperations(self.clock), FakeInquiry(), FakeUsage())
        return EditMapping(CurrencyTable(self.client, self.clock, 60), review, self.clock, 3)

    async def take(self, *rows: tuple[str, str]) -> None:
        wanted = [WantedRow(None, Mapped(*row)) for row in rows]
        plan = make_plan(await self.mapping.mappings.rows(), wanted, 3)
        self.clock.advance(1)
        await self.mapping.carry_out(plan, self.mapping.new_edit("me", "test", "00"), lambda _: None)


@pytest.fixture
async def table(new_table: NewTable) -> Table:
    return Table(await new_table(), FakeClock())


async def test_the_apps_reader_sees_the_rows_and_never_the_history(table: Table) -> None:
    await table.take(("Euro", "EUR"), ("HISTORY|x", "USD"))
    await table.take(("Euro", "GBP"))
    reader = CurrencyTable(table.client, table.clock, 60)
    assert {key: [row.ax for row in rows] for key, rows in (await reader.by_name()).items()} == {
        "euro": ["GBP"],
        "history|x": ["USD"],
    }


async def test_columns_that_others_added_stay_when_a_row_is_changed(table: Table) -> None:
    row = {"PartitionKey": PARTITION, "RowKey": "1", "CurrencyCRM": "Euro", "CurrencyAX": "EUX"}
    await table.client.create_entity({**row, "Note": "ask Ada"})
    await table.take(("Euro", "EUR"))
    found = await table.client.get_entity(PARTITION, "1")
    assert (found["CurrencyAX"], found["Note"], found["UpdatedBy"]) == ("EUR", "ask Ada", "me")


async def test_ten_thousand_rows_are_imported_in_under_a_minute_and_undone(table: Table) -> None:
    rows = [(f"Currency {number} /#", "USD") for number in range(10_000)]
    began = time.perf_counter()
    await table.take(*rows)
    assert time.perf_counter() - began < 60
    assert len(await table.mapping.mappings.rows()) == 10_000
    reader = CurrencyTable(table.client, FakeClock(), 60)
    assert [row.ax for row in await reader.look_up("currency 9999 /#", fresh=False)] == ["USD"]
    plan = await table.mapping.plan_undo(None)
    assert len(plan.changes) == 10_000


def test_history_ids_of_a_moment_differ_by_their_salt() -> None:
    assert edit_id(NOW, "aa") != edit_id(NOW, "bb")
