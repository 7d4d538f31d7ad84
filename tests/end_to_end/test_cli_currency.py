"""The person in finance: the mapping from Excel to the customers, with its history and the way back."""

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from local.stand import Stand
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.operator import heal
from tests.end_to_end.system import System


@pytest.fixture
def accountsync(stand: Stand) -> CommandLine:
    return CommandLine(stand.settings_file)


@pytest.fixture
def name() -> str:
    """A currency that nobody has yet, with what keys, formulas and spreadsheets have trouble with."""
    return f"=Zł/oty #{uuid4().hex[:8]}"


def workbook(file: Path, *rows: tuple[str, str]) -> str:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in (("Currency CRM", "Currency AX"), *rows):
        sheet.append(row)
        for cell in sheet[sheet.max_row]:
            cell.data_type = "s"
    book.save(file)
    return str(file)


async def new_in_sales(control: httpx.AsyncClient, name: str, iso: str) -> None:
    rows = [{"currencyname": name, "isocurrencycode": iso}]
    (await control.post("/state", json={"transactioncurrencies": rows})).raise_for_status()


async def test_a_row_that_is_imported_releases_the_accounts_that_wait_for_it(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine, name: str, tmp_path: Path
) -> None:
    """In force within CURRENCY_CACHE_SECONDS and one tick of the timer, which is run by hand here."""
    await new_in_sales(control, name, "GBP")
    number = system.number()
    account_id = await system.create(number, name)
    await system.parked(account_id, "UnmappedCurrency")
    file = workbook(tmp_path / "new.xlsx", (name, "GBP"))
    plan = (await accountsync("currency", "import", file, "--dry-run", "--json")).json
    assert (plan["added"], plan["released"], plan["version"], plan["findings"]) == (1, 1, None, [])
    await accountsync("currency", "import", file, "--yes", "--by", "Ada")
    await heal(system)
    await system.customer_with(number, SalesCurrencyCode="GBP")
    (row,) = (await accountsync("currency", "get", name, "--json")).json
    assert (row["crm"], row["ax"], row["updated_by"]) == (name, "GBP", "Ada")


async def test_a_changed_row_reaches_the_customers_that_are_there_and_undo_takes_it_back(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine, name: str
) -> None:
    await new_in_sales(control, name, "GBP")
    await accountsync("currency", "set", name, "GBP")
    number = system.number()
    account_id = await system.create(number, name)
    await system.customer_with(number, SalesCurrencyCode="GBP")
    await system.settled(account_id)
    changed = (await accountsync("currency", "set", name, "EUR", "--json")).json
    assert (changed["changed"], changed["accounts"]) == (1, 1)
    assert [finding["kind"] for finding in changed["findings"]] == ["other-iso-code-in-sales"]
    await heal(system)
    await system.customer_with(number, SalesCurrencyCode="EUR")
    await accountsync("currency", "undo", "--yes")
    await heal(system)
    await system.customer_with(number, SalesCurrencyCode="GBP")
    codes = [
        [change["after"]["ax"] for change in version["changes"]]
        for version in (await accountsync("currency", "history", "--name", name, "--json")).json
    ]
    assert codes == [["GBP"], ["EUR"], ["GBP"]]


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
async def test_an_export_imports_as_unchanged(
    accountsync: CommandLine, name: str, tmp_path: Path, suffix: str
) -> None:
    file = str(tmp_path / f"export{suffix}")
    await accountsync("currency", "set", name, "GBP")
    rows = (await accountsync("currency", "export", file, "--json")).json["rows"]
    plan = (await accountsync("currency", "import", file, "--replace", "--json", "--yes")).json
    assert (plan["added"], plan["changed"], plan["removed"], plan["unchanged"]) == (0, 0, 0, rows)
    if suffix == ".xlsx":
        texts = [cell.value for row in load_workbook(file).worksheets[0] for cell in row]
        assert f"'{name}" in texts


async def test_an_import_with_errors_takes_nothing(
    accountsync: CommandLine, name: str, tmp_path: Path
) -> None:
    file = workbook(tmp_path / "bad.xlsx", (name, "GBP"), (f"{name} ", "EUR"), ("x", "EURO"), ("y", ""))
    plan = (await accountsync("currency", "import", file, "--yes", "--json", code=1)).json
    errors = {(f["row"], f["kind"]) for f in plan["findings"] if f["severity"] == "error"}
    assert errors == {(3, "duplicate"), (4, "long-code"), (5, "empty-code")}
    answer = await accountsync("currency", "get", name, code=4)
    assert answer.err == f'Error: The table has no row for "{name}".\n'


async def test_warnings_stop_only_a_strict_import(
    accountsync: CommandLine, name: str, tmp_path: Path
) -> None:
    file = workbook(tmp_path / "odd.xlsx", (name, "QQQ"))
    assert (await accountsync("currency", "import", file, "--strict", "--yes", "--json", code=1)).json[
        "refused"
    ]
    taken = (await accountsync("currency", "import", file, "--yes", "--json")).json
    assert [finding["kind"] for finding in taken["findings"]] == ["unknown-in-operations"]
    found = (await accountsync("currency", "check", "--strict", "--json", code=1)).json["findings"]
    assert name in {finding["name"] for finding in found}
    await accountsync("currency", "delete", name, "--yes")
    await accountsync("currency", "get", name, code=4)


async def test_without_a_person_to_ask_nothing_is_changed(
    accountsync: CommandLine, name: str, tmp_path: Path
) -> None:
    file = workbook(tmp_path / "new.xlsx", (name, "GBP"))
    answer = await accountsync("currency", "import", file, code=2)
    assert "--yes" in answer.err
    await accountsync("currency", "get", name, code=4)


async def test_two_imports_at_once_lose_nothing_of_either(
    accountsync: CommandLine, name: str, tmp_path: Path
) -> None:
    await accountsync("currency", "set", name, "GBP")
    before = (await accountsync("currency", "history", "--name", name, "--json")).json[-1]["edit"]["id"]
    files = [
        workbook(tmp_path / f"{part}.xlsx", *((f"{name} {part} {n}", "GBP") for n in range(150)))
        for part in ("a", "b")
    ]
    imports = (accountsync.process("currency", "import", file, "--yes", "--no-count") for file in files)
    await asyncio.gather(*imports)
    rows = (await accountsync("currency", "list", "--json")).json
    assert sum(row["crm"].startswith(name) for row in rows) == 301
    undone = (await accountsync("currency", "undo", before, "--yes", "--json")).json
    assert (undone["removed"], undone["added"], undone["changed"]) == (300, 0, 0)


async def test_sales_own_currencies_fill_the_table(
    control: httpx.AsyncClient, accountsync: CommandLine, name: str
) -> None:
    await new_in_sales(control, name, "EUR")
    plan = (await accountsync("currency", "import", "--from-dataverse", "--dry-run", "--json")).json
    assert [name, "EUR"] in [[c["after"]["crm"], c["after"]["ax"]] for c in plan["changes"]]
    assert (await accountsync("currency", "check", "--json", code=1)).json["findings"]


async def test_a_table_service_that_is_away_ends_in_one_line(
    stand: Stand, accountsync: CommandLine, tmp_path: Path
) -> None:
    text = stand.settings_file.read_text(encoding="utf-8")
    elsewhere = tmp_path / "settings.json"
    tables = stand.addresses.tables
    port = tables.rpartition("127.0.0.1:")[2].partition("/")[0]
    elsewhere.write_text(text.replace(f"127.0.0.1:{port}/", "127.0.0.1:9/"))
    answer = await CommandLine(elsewhere)("currency", "list", code=6)
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("Error: tables: no connection")
