"""The port SalesMetadata: Dataverse's simulator and the fake describe tables and count currencies alike."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from local.dynamics.metadata import FieldFault
from shared.dataverse.metadata import DataverseMetadata
from shared.model.account import AccountCurrency
from shared.model.description import CurrencyUse, FieldDescription, ValueType
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.map_sections import RowRule
from tests.contract.conftest import Simulated

US_DOLLAR, EURO = AccountCurrency("US Dollar", "USD"), AccountCurrency("Euro", "EUR")


@pytest.fixture
async def sales(simulated: Simulated) -> AsyncIterator[Simulated]:
    simulated.start_anew()
    dataverse = simulated.simulator.dataverse
    tables = dict(dataverse.store.tables)
    yield simulated
    dataverse.store.tables.update(tables)
    dataverse.most_aggregated = 50_000


def reader(sales: Simulated, *only_if: RowRule) -> DataverseMetadata:
    return DataverseMetadata(sales.client(System.DATAVERSE), only_if)


def rule(**test: Any) -> RowRule:
    return RowRule.model_validate(test)


def accounts(sales: Simulated, currency: str, count: int, **columns: object) -> None:
    rows = sales.simulator.store.rows("transactioncurrency").values()
    currency_id = next(row.id for row in rows if row.get("currencyname") == currency)
    bound = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency_id})"}
    sales.state(accounts=[{"name": f"{currency} {n}", **bound, **columns} for n in range(count)])


async def test_a_column_tells_its_type_length_options_and_target(sales: Simulated) -> None:
    names = (
        "name",
        "description",
        "customertypecode",
        "primarycontactid",
        "numberofemployees",
        "creditlimit",
    )
    table = await reader(sales).table("account", (*names, "creditonhold", "nothing"))
    assert table is not None
    columns = table.columns
    assert {*columns} == {*names, "creditonhold"}
    assert columns["name"] == FieldDescription(ValueType.TEXT, max_length=160)
    assert columns["description"] == FieldDescription(ValueType.TEXT, max_length=2000)
    assert columns["customertypecode"].values == {str(number) for number in range(1, 13)}
    assert columns["primarycontactid"].type is ValueType.LOOKUP
    assert columns["primarycontactid"].refers_to == ("contact",)
    assert columns["numberofemployees"].type is ValueType.INTEGER
    assert columns["creditlimit"].type is ValueType.DECIMAL
    assert columns["creditonhold"].type is ValueType.YES_NO


async def test_planted_faults_of_columns_are_seen(sales: Simulated) -> None:
    sales.simulator.dataverse.definitions.planted.update(
        {
            "fax": FieldFault(missing=True),
            "name": FieldFault(max_length=40),
            "sic": FieldFault(type="Integer"),
        }
    )
    table = await reader(sales).table("account", ("fax", "name", "sic"))
    assert table is not None
    assert {name: one.type for name, one in table.columns.items()} == {
        "name": ValueType.TEXT,
        "sic": ValueType.INTEGER,
    }
    assert table.columns["name"].max_length == 40


async def test_more_columns_than_one_address_takes_are_all_described(sales: Simulated) -> None:
    names = list(sales.simulator.store.tables["account"].columns)[:50]
    table = await reader(sales).table("account", names)
    assert table is not None
    assert {*table.columns} == {*names}


async def test_requests_for_metadata_are_few_and_name_what_they_want(sales: Simulated) -> None:
    sales.simulator.log.clear()
    await reader(sales).table("account", ("name", "customertypecode"))
    queries = [entry["query"] for entry in sales.simulator.log.report("dataverse", 0)["entries"]]
    assert len(queries) == 4
    assert all("$select=" in query and "$filter=" in query for query in queries)


@pytest.mark.parametrize("tracked", [True, False])
async def test_change_tracking_is_told(sales: Simulated, *, tracked: bool) -> None:
    tables = sales.simulator.store.tables
    tables["account"] = replace(tables["account"], tracked=tracked)
    table = await reader(sales).table("account", ("name",))
    assert table is not None
    assert table.change_tracking is tracked


async def test_a_table_that_does_not_exist_is_none(sales: Simulated) -> None:
    assert await reader(sales).table("nothing", ("name",)) is None


async def test_the_organization_tells_its_id_and_language(sales: Simulated) -> None:
    found = await reader(sales).organization()
    assert found.id == UUID(sales.simulator.store.identity.organization_id)
    assert found.base_language == 1033


async def test_an_organization_whose_language_may_not_be_read_is_still_known(sales: Simulated) -> None:
    sales.fault(System.DATAVERSE, "status", status=403, path="organizations")
    found = await reader(sales).organization()
    assert found == (UUID(sales.simulator.store.identity.organization_id), None)


async def test_currencies_are_counted_by_one_grouped_request(sales: Simulated) -> None:
    accounts(sales, "Euro", 2)
    accounts(sales, "US Dollar", 3)
    accounts(sales, "Pound Sterling", 1, statecode=1, statuscode=2)
    sales.simulator.log.clear()
    assert await reader(sales).used_currencies() == [CurrencyUse(US_DOLLAR, 3), CurrencyUse(EURO, 2)]
    assert sales.simulator.log.report("dataverse", 0)["total"] == 2


async def test_above_the_limit_of_aggregates_each_currency_is_counted_by_itself(sales: Simulated) -> None:
    accounts(sales, "Euro", 2)
    accounts(sales, "US Dollar", 3)
    sales.simulator.dataverse.most_aggregated = 4
    assert await reader(sales).used_currencies() == [CurrencyUse(US_DOLLAR, 3), CurrencyUse(EURO, 2)]


async def test_a_count_that_stops_at_its_limit_says_so(
    sales: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.dynamics.dataverse.queries.MAX_COUNT", 3)
    monkeypatch.setattr("shared.dataverse.usage._MOST_COUNTED", 3)
    sales.simulator.dataverse.most_aggregated = 1
    accounts(sales, "Euro", 4)
    assert await reader(sales).used_currencies() == [CurrencyUse(EURO, 3, at_least=True)]


@pytest.mark.parametrize(
    ("test", "counted"),
    [
        ({"column": "customertypecode", "in": [3]}, 1),
        ({"column": "customertypecode", "in": [1, 3]}, 3),
        ({"column": "customertypecode", "not_in": [3]}, 3),
        ({"column": "customertypecode", "filled": True}, 3),
        ({"column": "customertypecode", "filled": False}, 1),
        ({"column": "sic", "in": ["O'Neil & Co."]}, 1),
        ({"column": "creditonhold", "in": [True]}, 1),
    ],
)
async def test_accounts_that_a_row_rule_filters_are_not_counted(
    sales: Simulated, test: dict[str, object], counted: int
) -> None:
    accounts(sales, "Euro", 2, customertypecode=1)
    accounts(sales, "Euro", 1, customertypecode=3, creditonhold=True)
    accounts(sales, "Euro", 1, sic="O'Neil & Co.")
    (use,) = await reader(sales, rule(**test)).used_currencies()
    assert use == CurrencyUse(EURO, counted)


async def test_refused_metadata_is_a_wrong_set_up_and_an_outage_is_transient(sales: Simulated) -> None:
    sales.fault(System.DATAVERSE, "status", status=403, count=1)
    with pytest.raises(ConfigurationFault, match="prvReadEntity"):
        await reader(sales).table("account", ("name",))
    sales.fault(System.DATAVERSE, "status", status=503)
    with pytest.raises(TransientFault):
        await reader(sales).used_currencies()
