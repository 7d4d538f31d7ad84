"""Values that go through mapping tables: looked up, parked, released and followed as currencies are."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.mapping import LABELS_KEPT
from shared.model.outcome import Cause
from shared.model.state import Phase
from tests.flow.world import World, account

MAP = str(Path(__file__).with_name("mapping_tables.toml"))
TERMS, GROUPS = "payment-terms", "customer-groups"
UNMAPPED = "UnmappedValue|payment-terms|net 30"


def made(rows: dict[str, str] | None = None, labels: dict[int, str] | None = None) -> World:
    """A world with payment terms in Sales and in the ERP, and these rows of the table."""
    world = World(field_map=MAP)
    world.labels.columns = {"paymenttermscode": labels or {1: "Net 30", 2: "Cash on delivery"}}
    world.operations.codes = {"PaymentTerms": {"N030", "N045", "COD"}}
    for source, target in (rows or {}).items():
        world.tables[TERMS].set(source, target)
    return world


def terms(world: World, name: str = "A1") -> object:
    return (world.customer(name) or {}).get("PaymentTerms")


async def heal(world: World, runs: int = 4) -> None:
    """Let healing run each minute, and let the checks be done that it sends."""
    worker = world.application()
    for _ in range(runs):
        world.clock.advance(60)
        await worker.heal.run()
        await world.drain()


async def parked(world: World, **columns: object) -> World:
    assert await world.sync(world.save("A1", **{"paymenttermscode": 1, **columns})) == ["parked"]
    await heal(world)
    assert world.state("A1").phase is Phase.PARKED
    return world


@pytest.mark.parametrize("source", ["Net 30", "  NET   30 ", "1"])
async def test_a_choice_is_looked_up_by_its_label_or_its_number(source: str) -> None:
    world = made({source: "N030", "Cash on delivery": "COD"})
    assert await world.sync(world.save("A1", paymenttermscode=1)) == ["created"]
    assert terms(world) == "N030"


async def test_the_row_of_the_label_counts_before_that_of_the_number() -> None:
    world = made({"1": "COD", "Net 30": "N030"})
    await world.sync(world.save("A1", paymenttermscode=1))
    assert terms(world) == "N030"


async def test_a_column_of_a_look_up_goes_through_a_table() -> None:
    world = made()
    world.tables[GROUPS].set("Wholesale  North", "10")
    assert await world.sync(world.save("A1", **{"territoryid.name": "wholesale north"})) == ["created"]
    assert (world.customer("A1") or {})["CustomerGroupId"] == "10"


async def test_an_outage_is_noticed_although_codes_are_known_without_a_question() -> None:
    world = made({"Net 30": "N030"})
    world.operations.codes["CustomerGroupId"] = {"10"}
    world.tables[GROUPS].set("North", "10")
    worker, columns = world.application(), {"paymenttermscode": 1, "territoryid.name": "North"}
    for number in range(20):
        await world.deliver(world.save(f"A{number}", **columns), worker)
    world.operations.trouble = TransientFault(System.OPERATIONS, "answered 503")
    world.operations.remembers = True
    world.operations.requests.clear()
    for number in range(100):
        await world.deliver(world.save(f"B{number}", **columns), worker)
    assert len(world.operations.requests) <= 10


async def test_an_account_without_a_value_has_a_blank_one() -> None:
    world = made()
    assert await world.sync(world.save("A1", paymenttermscode=None)) == ["created"]
    assert terms(world) == ""


async def test_a_label_may_be_the_value_itself() -> None:
    world = made()
    world.labels.columns["industrycode"] = {7: "Brokers"}
    assert await world.sync(world.save("A1", industrycode=7)) == ["created"]
    assert (world.customer("A1") or {})["SalesMemo"] == "Brokers"
    assert await world.sync(world.save("A2", industrycode=8)) == ["parked"]
    assert world.state("A2").issue == "UnmappedValue|8"


@pytest.mark.parametrize(
    ("rows", "issue"),
    [
        ({}, UNMAPPED),
        ({"Net 45": "N045"}, UNMAPPED),
        ({"Net 30": " "}, "BadMapping|payment-terms|net 30"),
        ({"Net 30": "N999"}, "UnknownErpValue|payment-terms|N999"),
    ],
)
async def test_a_value_is_never_guessed(rows: dict[str, str], issue: str) -> None:
    world = made(rows)
    assert await world.sync(world.save("A1", paymenttermscode=1)) == ["parked"]
    assert world.state("A1").issue == issue
    assert world.customer("A1") is None


async def test_two_rows_of_one_value_park_its_accounts() -> None:
    world = made({"Net 30": "N030"})
    world.tables[TERMS].put("by-hand", "net 30", "N030")
    assert await world.sync(world.save("A1", paymenttermscode=1)) == ["parked"]
    assert world.state("A1").issue == "BadMapping|payment-terms|net 30"
    await heal(world)
    del world.tables[TERMS].table["by-hand"]
    await heal(world)
    assert terms(world) == "N030"


@pytest.mark.parametrize("source", ["Net 30", "1"])
async def test_a_row_that_is_added_releases_what_was_parked_for_it(source: str) -> None:
    world = await parked(made())
    world.tables[TERMS].set(source, "N030")
    await heal(world)
    assert terms(world) == "N030"
    assert not world.issues.rows


async def test_a_code_that_the_erp_gets_releases_what_was_parked_for_it() -> None:
    world = await parked(made({"Net 30": "N031"}))
    world.operations.codes["PaymentTerms"].add("N031")
    await heal(world)
    assert terms(world) == "N031"


async def test_a_field_of_which_the_erp_has_no_list_takes_any_code() -> None:
    world = made({"Net 30": "N999"})
    world.operations.codes.clear()
    await world.sync(world.save("A1", paymenttermscode=1))
    assert terms(world) == "N999"


async def test_a_changed_row_reaches_the_customers_already_written() -> None:
    world = made({"Net 30": "N030", "Cash on delivery": "COD"})
    await world.sync(*(world.save(f"A{n}", paymenttermscode=1 + n % 2) for n in range(6)))
    await heal(world)
    before = world.operations.requests.count("PATCH")
    world.tables[TERMS].set("Net 30", "N045")
    await heal(world, 8)
    assert {terms(world, f"A{n}") for n in range(0, 6, 2)} == {"N045"}
    assert {terms(world, f"A{n}") for n in range(1, 6, 2)} == {"COD"}
    assert world.operations.requests.count("PATCH") == before + 3


def _rename(world: World) -> None:
    world.labels.columns["paymenttermscode"] = {1: "30 days net", 2: "Cash on delivery"}


async def test_a_renamed_label_reaches_the_customers_already_written() -> None:
    world = made({"Net 30": "N030", "30 days net": "N045"})
    await world.sync(world.save("A1", paymenttermscode=1))
    await heal(world)
    _rename(world)
    await heal(world, 40)
    assert terms(world) == "N045"


async def test_a_renamed_label_without_a_row_parks_its_accounts() -> None:
    world = made({"Net 30": "N030"})
    await world.sync(world.save("A1", paymenttermscode=1))
    await heal(world)
    _rename(world)
    await heal(world, 40)
    assert world.state("A1").issue == "UnmappedValue|payment-terms|30 days net"
    world.tables[TERMS].set("30 days net", "N030")
    await heal(world)
    assert world.state("A1").phase is Phase.SYNCED


async def test_a_label_that_gets_the_name_of_a_row_releases_what_was_parked() -> None:
    world = await parked(made({"30 days net": "N045"}))
    _rename(world)
    await heal(world, 40)
    assert terms(world) == "N045"


async def test_labels_are_read_again_every_fifteen_minutes_only() -> None:
    world = made({"Net 30": "N030"})
    asked: list[str] = []

    async def gate(step: str) -> None:
        if step == "before labels.of":
            asked.append(step)

    world.clock.advance(60)
    worker = world.application(gate)
    await worker.heal.run()
    started = len(asked)
    for _ in range(int(LABELS_KEPT / timedelta(minutes=1)) - 1):
        world.clock.advance(60)
        await worker.heal.run()
    assert len(asked) == started
    world.clock.advance(60)
    await worker.heal.run()
    assert len(asked) == started + 1


@pytest.mark.parametrize(
    "trouble",
    [TransientFault(System.DATAVERSE, "answered 503"), ConfigurationFault(System.DATAVERSE, "no.", "Do.")],
)
async def test_without_labels_the_account_waits_and_is_not_parked(trouble: Exception) -> None:
    world = made({"Net 30": "N030"})
    world.labels.trouble = trouble
    await world.send(world.save("A1", paymenttermscode=1))
    await world.deliver(world.take())
    assert not world.issues.rows
    await world.application().heal.run()
    world.labels.trouble = None
    await world.drain()
    assert terms(world) == "N030"


async def test_a_deactivated_account_is_blocked_though_its_value_has_no_row() -> None:
    world = made({"Net 30": "N030"})
    await world.sync(world.save("A1", paymenttermscode=1))
    await world.sync(world.save("A1", paymenttermscode=2, statecode=1))
    assert (world.customer("A1") or {})["OnHoldStatus"] == "All"
    assert world.state("A1").issue == "UnmappedValue|payment-terms|cash on delivery"


@pytest.mark.parametrize(
    ("change", "field", "cause"),
    [
        (lambda world: world.tables[TERMS].set("Net 30", "N045"), "PaymentTerms", None),
        (lambda world: world.tables[TERMS].table.clear(), "", Cause.UNMAPPED_VALUE),
    ],
)
async def test_the_preview_looks_up_as_the_check_does(
    change: Callable[[World], None], field: str, cause: Cause | None
) -> None:
    world = made({"Net 30": "N030"})
    await world.sync(world.save("A1", paymenttermscode=1))
    change(world)
    shown = await world.preview().of(account("A1"))
    assert [one.name for one in shown.fields if one.sent] == ([field] if field else [])
    assert (shown.problem.cause if shown.problem else None) == cause
