"""The integration engineer: why did it not arrive, what would be sent, how does all stand, and repair."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from local.stand import Stand
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.opening import UNMAPPED
from tests.end_to_end.operator import dead_letter
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually


@pytest.fixture
def accountsync(stand: Stand) -> CommandLine:
    return CommandLine(stand.settings_file)


async def test_unlink_lets_the_account_begin_anew_and_says_what_it_did(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.phase(account_id, "synced")
    await system.settled(account_id)
    done = await accountsync("unlink", number, "--why", "to be adopted again", "--by", "Ada", "--json")
    assert done.json["account_id"] == account_id
    assert done.json["unlinked"].endswith(f"/{number}")

    async def outcomes() -> list[tuple[str, str]]:
        timeline = (await accountsync("explain", account_id, "--json")).json["timeline"]
        return [(entry["outcome"], entry["note"]) for entry in timeline]

    found = await eventually(outcomes, lambda lines: len(lines) >= 3, "the check came")
    assert found[1:] == [("unlinked", "Ada: to be adopted again"), ("unchanged", "Ada: to be adopted again")]
    await accountsync("unlink", str(uuid4()), "--why", "never heard of", code=4)


@pytest.mark.parametrize("known_as", ["id", "account number", "customer account in another case"])
async def test_explain_finds_an_account_by_whatever_it_is_called(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine, known_as: str
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.phase(account_id, "synced")
    name = {"id": account_id, "account number": number}.get(known_as, number.lower())
    found = (await accountsync("explain", name, "--json")).json
    assert found["account_id"] == account_id
    assert found["timeline"][0]["outcome"] == "created"
    assert (found["differences"], found["troubles"]) == ([], [])
    assert found["next_step"] == "Nothing: the customer is as the account wants it."


async def test_trace_draws_the_last_attempt_with_its_requests(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.phase(account_id, "synced")
    found = (await accountsync("trace", number, "--json")).json
    attempt = found["last_attempt"]
    assert (found["account_id"], attempt["ending"]) == (account_id, "created")
    assert len(attempt["trace_id"]) == 32
    steps = [(step["name"].partition(" ")[0], step["system"], step["status"]) for step in attempt["steps"]]
    assert ("write", "operations", "ok") in steps
    assert ("POST", "operations", "201") in steps
    drawn = (await accountsync("trace", number)).out
    assert attempt["trace_id"] in drawn
    assert "█" in drawn


async def test_explain_tells_what_an_account_is_parked_for_and_what_to_do(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    account_id = await system.create(system.number(), UNMAPPED)
    await system.parked(account_id, "UnmappedCurrency")
    text = (await accountsync("explain", account_id)).out
    assert "UnmappedCurrency" in text
    assert f"accountsync currency set '{UNMAPPED}' CODE" in text
    issues = (await accountsync("issues", "--cause", "UnmappedCurrency", "--json")).json
    assert account_id in {issue["account_id"] for issue in issues}


async def test_explain_shows_what_was_changed_in_operations_and_replay_sets_it_back(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    number = system.number()
    account_id = await system.create(number, telephone1="+49 1")
    customer = await system.customer_with(number, PrimaryContactPhone="+49 1")
    await system.settled(account_id)
    path = f"/CustomersV3(dataAreaId='{customer['dataAreaId']}',CustomerAccount='{number}')"
    params = {"cross-company": "true"}
    changed = await system.operations.patch(path, json={"PrimaryContactPhone": "by hand"}, params=params)
    changed.raise_for_status()
    found = (await accountsync("explain", number, "--json")).json
    assert found["differences"] == ["PrimaryContactPhone"]
    assert "changed in Operations" in found["next_step"]
    fields = {
        field["name"]: field for field in (await accountsync("preview", number, "--json")).json["fields"]
    }
    phone = fields["PrimaryContactPhone"]
    assert (phone["source"], phone["value"], phone["in_operations"]) == (
        "column telephone1",
        "+49 1",
        "by hand",
    )
    assert (await accountsync("replay", number, "--dry-run", "--json")).json["looks"] == 1
    await accountsync("replay", number, "--why", "changed by hand", "--by", "Ada")
    await system.customer_with(number, PrimaryContactPhone="+49 1")
    timeline = (await accountsync("explain", number, "--json")).json["timeline"]
    assert timeline[-1]["note"] == "Ada: changed by hand"


async def test_preview_of_a_new_account_says_what_will_be_sent_and_sends_nothing(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    (await control.post("/events/hold", json={})).raise_for_status()
    number = system.number()
    await system.create(number, "US Dollar", name="Fourth Coffee")
    found = (await accountsync("preview", number, "--json")).json
    assert (found["ending"], found["customer"]) == ("created", f"usmf/{number}")
    sent = {field["name"]: field["value"] for field in found["fields"] if field["sent"]}
    assert (sent["OrganizationName"], sent["SalesCurrencyCode"]) == ("Fourth Coffee", "USD")
    assert "No event of it was ever taken" in (await accountsync("explain", number)).out
    assert await system.customer(number) is None
    (await control.post("/events/release", json={})).raise_for_status()
    customer = await system.customer_with(number)
    assert {name: customer[name] for name in sent} == sent


async def test_explain_tells_of_an_event_that_sales_itself_could_not_post(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    (await control.post("/settings", json={"via": "webhook"})).raise_for_status()
    refused = {"system": "events", "kind": "status", "status": 401}
    (await control.post("/faults", json=refused)).raise_for_status()
    account_id = await system.create(system.number())

    async def explained() -> list[dict[str, str]]:
        return (await accountsync("explain", account_id, "--json")).json["timeline"]

    timeline = await eventually(
        explained, lambda lines: any(line["outcome"] == "failed" for line in lines), "a failed job"
    )
    (line,) = timeline
    assert (line["source"], "401" in line["detail"]) == ("sales", True)
    assert "of Sales is failed" in (await accountsync("explain", account_id)).out


async def test_a_pause_is_told_until_it_is_over(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    account_id = await system.create(system.number())
    await system.phase(account_id, "synced")
    await accountsync("pause", "--system", "operations", "--by", "Ada")
    try:
        assert "paused by Ada" in (await accountsync("status")).out
        assert "paused by Ada" in (await accountsync("explain", account_id)).out
    finally:
        answer = await accountsync("resume", "--json")
    assert answer.json == {"resumed": ["operations"]}
    assert "paused" not in (await accountsync("explain", account_id)).out


async def test_an_account_that_nobody_knows_ends_with_code_4(accountsync: CommandLine) -> None:
    answer = await accountsync("explain", "no such account", code=4)
    assert len(answer.err.splitlines()) == 1
    await accountsync("replay", str(uuid4()), code=4)
    assert "check the id" in (await accountsync("explain", str(uuid4()), "--json")).json["next_step"]


async def test_rejected_events_are_listed_shown_and_sent_again(
    system: System, accountsync: CommandLine
) -> None:
    mark = uuid4().hex
    await system.post({"PrimaryEntityName": "account", "mark": mark})

    async def rejected() -> list[dict[str, object]]:
        return (await accountsync("rejected", "list", "--json")).json

    listed = await eventually(rejected, bool, "a rejected event")
    number = str(listed[-1]["number"])
    shown = (await accountsync("rejected", "show", number)).json
    assert shown["body"]["mark"] == mark
    assert shown["reason"]
    answer = (await accountsync("rejected", "resubmit", number, "--json")).json
    assert answer["sent"] == 1
    again = await eventually(
        rejected, lambda rows: all(str(row["number"]) != number for row in rows) and bool(rows), "it back"
    )
    assert len(again) == len(listed)
    await accountsync("rejected", "show", "999999", code=4)


async def test_dead_letters_are_listed_shown_and_sent_on_their_way_again(
    system: System, stand: Stand, accountsync: CommandLine
) -> None:
    number = system.number()
    account_id = await system.create(number)
    await system.settled(account_id)
    await dead_letter(stand, UUID(account_id), UUID(system.organization_id))
    (found,) = (await accountsync("dead-letters", "list", "--json")).json
    assert (found["queue"], found["reason"]) == ("account-changes", "given-up")
    shown = (await accountsync("dead-letters", "show", str(found["number"]))).json
    assert shown["body"]["account_id"] == account_id
    await accountsync("dead-letters", "show", "999999", "--queue", "dataverse-events", code=4)
    answer = (await accountsync("dead-letters", "resubmit", "--all", "--by", "Ada", "--json")).json
    assert answer == {"sent": 1, "left": 0}

    async def notes() -> list[str]:
        return [line["note"] for line in (await accountsync("explain", number, "--json")).json["timeline"]]

    await eventually(notes, lambda found: "resubmitted by Ada" in found, "the look of the dead letter")


async def test_status_and_watch_tell_queues_outcomes_and_parked_accounts(
    system: System, control: httpx.AsyncClient, accountsync: CommandLine
) -> None:
    await system.parked(await system.create(system.number(), UNMAPPED), "UnmappedCurrency")
    await system.phase(await system.create(system.number()), "synced")

    async def status() -> dict[str, Any]:
        return (await accountsync("status", "--json")).json

    found = await eventually(status, lambda told: "created" in told["outcomes"], "the row of the minute")
    assert [queue["name"] for queue in found["queues"]] == [
        "dataverse-events",
        "account-changes",
        "rejected-events",
        "load-pages",
    ]
    assert found["outcomes"]["created"] >= 1
    assert found["issues"]["UnmappedCurrency"] >= 1
    assert (found["healthy"], found["troubles"]) == (False, [])
    await accountsync("status", "--check", code=1)
    lines = (await accountsync("watch", "--count", "2", "--every", "0.5", "--json")).out.splitlines()
    assert [json.loads(line)["outcomes"]["created"] >= 1 for line in lines] == [True, True]
    assert "account-changes" in (await accountsync("watch", "--count", "1")).out


async def test_secrets_are_never_printed(stand: Stand, accountsync: CommandLine) -> None:
    values = json.loads(stand.settings_file.read_text(encoding="utf-8"))["Values"]
    printed = ""
    for words in (("status",), ("status", "--json"), ("currency", "list"), ("issues",), ("--help",)):
        answer = await accountsync(*words)
        printed += answer.out + answer.err
    for name in ("LOCAL_TOKEN", "FINGERPRINT_KEY", "HEALTH_KEY", "TABLES_CONNECTION", "ServiceBus"):
        assert values[name] not in printed
