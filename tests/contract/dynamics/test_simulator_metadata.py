"""Table definitions of the Dataverse simulator, as Microsoft's Python client reads them."""

import pytest

from tests.contract.dynamics.simulator_stand import Stand


async def test_columns_tell_their_type_and_length(stand: Stand) -> None:
    answer = await stand.dataverse.get(
        "EntityDefinitions(LogicalName='account')/Attributes/Microsoft.Dynamics.CRM.StringAttributeMetadata",
        params={"$select": "LogicalName,MaxLength"},
    )
    lengths = {row["LogicalName"]: row["MaxLength"] for row in answer.json()["value"]}
    assert (lengths["name"], lengths["accountnumber"], lengths["address1_city"]) == (160, 20, 80)
    assert "description" not in lengths


async def test_a_table_is_found_by_filter(stand: Stand) -> None:
    params = {"$select": "EntitySetName,PrimaryIdAttribute", "$filter": "LogicalName eq 'account'"}
    (found,) = (await stand.dataverse.get("EntityDefinitions", params=params)).json()["value"]
    assert (found["EntitySetName"], found["PrimaryIdAttribute"]) == ("accounts", "accountid")


async def test_a_choice_tells_its_options(stand: Stand) -> None:
    choices = await stand.dataverse.get(
        "EntityDefinitions(LogicalName='account')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
        "?$select=LogicalName&$expand=OptionSet($select=Options)"
    )
    options = next(one for one in choices.json()["value"] if one["LogicalName"] == "customertypecode")
    labels = {
        one["Value"]: one["Label"]["UserLocalizedLabel"]["Label"] for one in options["OptionSet"]["Options"]
    }
    assert labels[3] == "Customer"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("EntityDefinitions(LogicalName='nothing')/Attributes", 404),
        ("EntityDefinitions(LogicalName='account')/Nothing", 404),
        ("EntityDefinitions?$select=logicalname", 400),
        ("EntityDefinitions?$filter=Nothing eq 1", 400),
    ],
)
async def test_unknown_metadata(stand: Stand, path: str, status: int) -> None:
    assert (await stand.dataverse.get(path)).status_code == status
