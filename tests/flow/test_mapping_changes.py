"""A mapping table of several pages: a row changed by hand reaches every process that has a copy of it."""

from bench.filled import A_SECOND, Size, filled
from bench.memory import Memory, account_id
from bench.stream import Event
from shared.model.mapping import PARTITION
from shared.storage.mapping_copy import PAGE
from shared.wiring import Application

CHANGED_BY_HAND = {"PartitionKey": PARTITION, "RowKey": "euro", "CurrencyAX": "USD"}


def another_process(memory: Memory) -> Application:
    """A process of the app over the same tables, with a copy of its own."""
    before = memory.app
    memory.restart()
    return before


async def heal_until_checked(memory: Memory) -> None:
    """Let healing find the change and its checks be made, all in this process, as soon as they are due."""
    for _ in range(2):  # a run reads two of the three pages
        memory.clock.advance(5)
        await memory.heal()
    await memory.take([], A_SECOND)


def code_of(memory: Memory) -> str:
    name = memory.sales.rows[account_id(0)].columns["name"]
    (customer,) = (row for row in memory.operations.customers.values() if row["OrganizationName"] == name)
    return str(customer["SalesCurrencyCode"])


async def test_a_process_with_an_old_copy_does_not_write_the_old_code_back() -> None:
    memory = await filled(Size(50, 5 * PAGE // 2))
    await memory.take([Event(0, "change", {"telephone1": "+45 1"})], A_SECOND)
    worker = another_process(memory)
    await memory.of["CurrencyMapping"].upsert_entity(CHANGED_BY_HAND)
    await heal_until_checked(memory)
    assert code_of(memory) == "USD"
    memory.app = worker
    await memory.take([Event(0, "change", {"telephone1": "+45 2"})], A_SECOND)
    assert code_of(memory) == "USD"
