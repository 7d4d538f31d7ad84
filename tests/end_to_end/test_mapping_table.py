"""A field with a mapping table of its own: the three steps of docs/field-map.md, and nothing else.

The entry of the field map and the commands are those that the page shows.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from openpyxl import Workbook

from local.stand import ROOT, Stand
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.operator import heal, running_with
from tests.end_to_end.system import System

pytestmark = pytest.mark.timeout(300)
MAP = ROOT / "shared/targets/operations/operations.toml"
PAGE = ROOT / "docs/field-map.md"
SECTION = "## A field with a mapping table of its own"
TABLE, FIELD = "payment-terms", "PaymentTerms"
NET_30, NET_45, NET_60 = 1, 3, 4  # the choices that Sales labels so
SHEET = (("Source", "Target"), ("Net 30", "Net30"), ("  net  45 ", "Net45"))
UNMAPPED = f"UnmappedValue|{TABLE}|net 60"


@dataclass(frozen=True, slots=True)
class Before:
    """Accounts that have their customers before the field is mapped: their ids and numbers, by choice."""

    ids: dict[int | None, str] = field(default_factory=dict[int | None, str])
    numbers: dict[int | None, str] = field(default_factory=dict[int | None, str])


def section_of_the_page() -> str:
    """The text of the three steps."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f"{SECTION}\n")
    return section.partition("\n## ")[0]


def entry_of_the_page() -> str:
    """The entry of the field map that the page shows."""
    block = re.search(r"^ *```\n(.*?)^ *```$", section_of_the_page(), re.DOTALL | re.MULTILINE)
    assert block is not None, f"{PAGE.name} shows no entry"
    return block[1]


def commands_of_the_page() -> list[list[str]]:
    """The words of each command that the page tells, in order."""
    return [words.split() for words in re.findall(r"`accountsync ([^`]+)`", section_of_the_page())]


def sheet(folder: Path) -> str:
    """The sheet of the finance department."""
    book = Workbook()
    for row in SHEET:
        book.worksheets[0].append(row)
    book.save(file := folder / "terms.xlsx")
    return str(file)


@pytest.fixture
async def before(system: System) -> Before:
    """Accounts with their customers, whose payment terms the app does not map yet."""
    found = Before()
    for choice in (NET_30, NET_45, NET_60, None):
        found.numbers[choice] = number = system.number()
        found.ids[choice] = await system.create(number, paymenttermscode=choice)
    for number in found.numbers.values():
        await system.customer_with(number, **{FIELD: ""})
    return found


@pytest.fixture
async def accountsync(
    stand: Stand, system: System, before: Before, tmp_path: Path
) -> AsyncIterator[CommandLine]:
    """The command line after the three steps: the entry, the sheet, and what follows the deployment."""
    file = tmp_path / "field-map.toml"
    file.write_text(f"{MAP.read_text(encoding='utf-8')}\n{entry_of_the_page()}", encoding="utf-8")
    command = CommandLine(stand.settings_file)
    (*take_sheet, _), register, load = commands_of_the_page()
    imported = await command(*take_sheet, sheet(tmp_path), "--yes", "--json")
    assert imported.json["added"] == len(SHEET) - 1
    async with running_with(stand, {"FIELD_MAP": str(file)}):
        await command(*register)
        report = await command(*load, "--max-creates", "1000", code=1)
        assert "parked: UnmappedValue" in report.out
        yield command
        await command("unregister", "--yes")
    await command("mapping", "undo", TABLE, "start", "--yes")


async def test_accounts_that_exist_get_their_code_and_an_unmapped_value_follows_by_itself(
    system: System, accountsync: CommandLine, before: Before
) -> None:
    await system.customer_with(before.numbers[NET_30], **{FIELD: "Net30"})
    await system.customer_with(before.numbers[NET_45], **{FIELD: "Net45"})
    assert (await system.customer(before.numbers[None]) or {})[FIELD] == ""

    await system.parked(before.ids[NET_60], UNMAPPED)
    assert (await system.customer(before.numbers[NET_60]) or {})[FIELD] == ""
    (issue,) = (await accountsync("issues", before.ids[NET_60], "--json")).json
    assert (issue["cause"], issue["value"], issue["field"]) == ("UnmappedValue", f"{TABLE}|net 60", FIELD)

    told = (await accountsync("explain", before.ids[NET_60])).out
    assert f"`accountsync mapping set {TABLE} 'net 60' CODE` does it." in " ".join(told.split())

    await accountsync("mapping", "set", TABLE, "Net 60", "Net60")
    await heal(system)
    await system.customer_with(before.numbers[NET_60], **{FIELD: "Net60"})
    await system.phase(before.ids[NET_60], "synced")

    number = system.number()  # `register` had Sales post changes of the column
    account_id = await system.create(number, paymenttermscode=NET_30)
    await system.customer_with(number, **{FIELD: "Net30"})
    await system.settled(account_id)
    await system.change(account_id, paymenttermscode=NET_45)
    await system.customer_with(number, **{FIELD: "Net45"})
