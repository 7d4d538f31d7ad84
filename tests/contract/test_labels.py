"""The port OptionLabels: the real adapter reads the labels of choices from the simulator's metadata."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from local.dynamics.metadata import FieldFault
from shared.dataverse.labels import DataverseLabels
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.mapping import LABELS_KEPT
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated
from tests.fakes.clock import FakeClock

TERMS = "paymenttermscode"


@pytest.fixture
def stand(simulated: Simulated) -> Simulated:
    simulated.start_anew()
    return simulated


def labels(stand: Simulated, language: int | None = 1033, clock: FakeClock | None = None) -> DataverseLabels:
    clock = clock or FakeClock()
    return DataverseLabels(stand.client(System.DATAVERSE, clock=clock), clock, language)


def rename(stand: Simulated, label: str) -> None:
    tables = stand.simulator.dataverse.store.tables
    account = tables["account"]
    column = account.columns[TERMS]
    renamed = replace(column, options={**column.options, 1: label})
    tables["account"] = replace(account, columns={**account.columns, TERMS: renamed})


@pytest.mark.parametrize("language", [None, 1033, 1031])
async def test_each_option_has_its_label(stand: Simulated, language: int | None) -> None:
    found = await labels(stand, language).of(TERMS, fresh=False)
    assert found == {1: "Net 30", 2: "2% 10, Net 30", 3: "Net 45", 4: "Net 60"}
    assert (await labels(stand, language).of("statecode", fresh=False))[0] == "Active"


async def test_labels_are_kept_and_read_again_when_old_or_asked_for(stand: Simulated) -> None:
    clock = FakeClock()
    reader, before = labels(stand, clock=clock), dict(stand.simulator.dataverse.store.tables)
    try:
        await reader.of(TERMS, fresh=False)
        rename(stand, "30 days")
        assert (await reader.of(TERMS, fresh=False))[1] == "Net 30"
        clock.advance(6)
        assert (await reader.of(TERMS, fresh=False))[1] == "Net 30"
        assert (await reader.of(TERMS, fresh=True))[1] == "30 days"
        rename(stand, "A month")
        clock.advance((LABELS_KEPT + timedelta(seconds=1)).total_seconds())
        assert (await reader.of(TERMS, fresh=False))[1] == "A month"
    finally:
        stand.simulator.dataverse.store.tables.update(before)


@pytest.mark.parametrize("column", ["name", "nothing"])
async def test_a_column_that_is_no_choice_is_a_configuration_fault(stand: Simulated, column: str) -> None:
    with pytest.raises(ConfigurationFault, match=column):
        await labels(stand).of(column, fresh=False)


OPTIONS = {
    "Options": [
        {
            "Value": 1,
            "Label": {
                "LocalizedLabels": [
                    {"Label": "Net 30", "LanguageCode": 1033},
                    {"Label": "30 Tage", "LanguageCode": 1031},
                ],
                "UserLocalizedLabel": {"Label": "Another user's language", "LanguageCode": 1036},
            },
        },
        {"Value": 2, "Label": {"LocalizedLabels": [{"Label": "Cash", "LanguageCode": 1033}]}},
        {"Value": 3, "Label": {"LocalizedLabels": []}},
    ]
}


def over(sets: dict[str, object], language: int | None, *, organization: int = 200) -> DataverseLabels:
    """The adapter over one answer of the metadata, in an organization whose base language is English."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/organizations"):
            return httpx.Response(organization, json={"value": [{"languagecode": 1033}]})
        return httpx.Response(200, json={"value": [{"LogicalName": TERMS, **sets}]})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://sales.invalid")
    client = ODataClient(System.DATAVERSE, http, FixedToken("any"), FakeClock())
    return DataverseLabels(client, FakeClock(), language)


@pytest.mark.parametrize("sets", [{"OptionSet": OPTIONS}, {"OptionSet": None, "GlobalOptionSet": OPTIONS}])
@pytest.mark.parametrize(
    ("language", "first"), [(None, "Net 30"), (1033, "Net 30"), (1031, "30 Tage"), (1045, "Net 30")]
)
async def test_the_label_is_in_the_language_asked_for_or_else_in_the_base_language(
    sets: dict[str, object], language: int | None, first: str
) -> None:
    assert await over(sets, language).of(TERMS, fresh=False) == {1: first, 2: "Cash", 3: ""}


async def test_without_the_right_to_the_organization_the_language_must_be_set() -> None:
    sets: dict[str, object] = {"OptionSet": OPTIONS}
    with pytest.raises(ConfigurationFault) as raised:
        await over(sets, None, organization=403).of(TERMS, fresh=False)
    assert "LABEL_LANGUAGE" in raised.value.remedy
    assert (await over(sets, 1031, organization=403).of(TERMS, fresh=False))[1] == "30 Tage"


async def test_a_metadata_service_that_is_away_is_transient(stand: Simulated) -> None:
    stand.fault(System.DATAVERSE, "status", status=503)
    with pytest.raises(TransientFault):
        await labels(stand).of(TERMS, fresh=False)


async def test_planted_faults_are_those_of_the_metadata(stand: Simulated) -> None:
    planted = stand.simulator.dataverse.definitions.planted
    planted[TERMS] = FieldFault(missing=True)
    with pytest.raises(ConfigurationFault, match=TERMS):
        await labels(stand).of(TERMS, fresh=False)
    planted.clear()
