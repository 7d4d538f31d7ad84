"""Changes of contacts and owners reach the customers of the accounts that refer to them.

The steps are those of docs/field-map.md: an entry in the field map, `accountsync register`, nothing else.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.stand import ROOT, Stand
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.operator import running_with
from tests.end_to_end.system import System

pytestmark = pytest.mark.timeout(300)
MAP = ROOT / "shared/targets/operations/operations.toml"
RELATED = """
[fields.SalesMemo]
column = "owninguser.fullname"

[[related]]
table = "contact"
column = "primarycontactid"

[[related]]
table = "systemuser"
column = "owninguser"
"""
OF_OWNER = 25


@pytest.fixture
async def accountsync(stand: Stand, tmp_path: Path) -> AsyncIterator[CommandLine]:
    """The app with a field map of one's own, and what it posts registered by the command."""
    own = MAP.read_text(encoding="utf-8").replace('"emailaddress1"', '"primarycontactid.emailaddress1"')
    file = tmp_path / "field-map.toml"
    file.write_text(own + RELATED, encoding="utf-8")
    async with running_with(stand, {"FIELD_MAP": str(file), "TRANSACTION_MARGIN_SECONDS": "1"}):
        command = CommandLine(stand.settings_file)
        registered = (await command("register", "--json")).json
        assert {item["action"] for item in registered["items"]} == {"create"}
        yield command
        await command("unregister", "--yes")


async def create(system: System, path: str, key: str, **columns: object) -> str:
    """Create a row in Sales; its id."""
    answer = await system.sales.post(path, json=columns, headers={"Prefer": "return=representation"})
    return answer.raise_for_status().json()[key]


async def test_a_changed_contact_and_a_renamed_owner_reach_all_customers(
    system: System, accountsync: CommandLine
) -> None:
    contact = await create(system, "/contacts", "contactid", lastname="Lee", emailaddress1="a@example.com")
    owner = await create(system, "/systemusers", "systemuserid", fullname="Kim")
    of_contact = {"primarycontactid@odata.bind": f"/contacts({contact})"}
    of_owner = {"ownerid@odata.bind": f"/systemusers({owner})"}
    numbers = [system.number() for _ in range(OF_OWNER)]
    ids = [
        await system.create(number, **(of_contact if place < 5 else {}), **of_owner)
        for place, number in enumerate(numbers)
    ]
    for number in numbers:
        await system.customer_with(number, SalesMemo="Kim")
    await system.customer_with(numbers[0], PrimaryContactEmail="a@example.com")

    (await system.sales.patch(f"/contacts({contact})", json={"emailaddress1": "b@x.org"})).raise_for_status()
    for number in numbers[:5]:
        await system.customer_with(number, PrimaryContactEmail="b@x.org")
    (await system.sales.patch(f"/systemusers({owner})", json={"fullname": "Kim Li"})).raise_for_status()
    for number in numbers:
        await system.customer_with(number, SalesMemo="Kim Li")
    assert (await system.customer(numbers[5]) or {})["PrimaryContactEmail"] == ""
    line = (await system.log(ids[0]))[-1]
    assert (line.source, line.operation) == ("related", "look")
    printed = await accountsync("registration", "--json", code=0)
    assert printed.json["settled"]


async def test_a_new_owner_is_noticed_like_any_change_of_the_account(
    system: System, accountsync: CommandLine
) -> None:
    owner = await create(system, "/systemusers", "systemuserid", fullname="Noor")
    account_id = await system.create(number := system.number())
    await system.settled(account_id)
    change = {"ownerid@odata.bind": f"/systemusers({owner})"}
    (await system.sales.patch(f"/accounts({account_id})", json=change)).raise_for_status()
    await system.customer_with(number, SalesMemo="Noor")
    shown = json.loads((await accountsync("preview", account_id, "--json")).out)
    assert "owninguser.fullname" in json.dumps(shown)
