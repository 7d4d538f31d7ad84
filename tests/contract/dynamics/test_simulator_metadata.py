"""Metadata of both simulators: table definitions, data entities, enumerations."""

from xml.etree import ElementTree

import httpx
import pytest

from tests.contract.dynamics.simulator_stand import TOKEN, Stand


async def test_columns_tell_their_type_and_length(stand: Stand) -> None:
    answer = await stand.dataverse.get(
        "EntityDefinitions(LogicalName='account')/Attributes/Microsoft.Dynamics.CRM.StringAttributeMetadata",
        params={"$select": "LogicalName,MaxLength"},
    )
    lengths = {row["LogicalName"]: row["MaxLength"] for row in answer.json()["value"]}
    assert (lengths["name"], lengths["accountnumber"], lengths["address1_city"]) == (160, 20, 80)
    assert "description" not in lengths


async def test_a_table_is_found_by_name_by_id_and_by_filter(stand: Stand) -> None:
    params = {"$select": "EntitySetName,PrimaryIdAttribute", "$filter": "LogicalName eq 'account'"}
    (found,) = (await stand.dataverse.get("EntityDefinitions", params=params)).json()["value"]
    assert (found["EntitySetName"], found["PrimaryIdAttribute"]) == ("accounts", "accountid")
    by_id = (await stand.dataverse.get(f"EntityDefinitions({found['MetadataId']})")).json()
    assert by_id["LogicalName"] == "account"
    tracked = (
        await stand.dataverse.get(
            "EntityDefinitions", params={"$select": "LogicalName", "$filter": "ChangeTrackingEnabled eq true"}
        )
    ).json()
    assert {"account", "transactioncurrency"} <= {row["LogicalName"] for row in tracked["value"]}
    assert "systemuser" not in {row["LogicalName"] for row in tracked["value"]}


async def test_one_column_and_the_options_of_a_choice(stand: Stand) -> None:
    base = "EntityDefinitions(LogicalName='account')/Attributes"
    column = (await stand.dataverse.get(f"{base}(LogicalName='transactioncurrencyid')")).json()
    assert (column["AttributeType"], column["Targets"]) == ("Lookup", ["transactioncurrency"])
    choices = await stand.dataverse.get(
        f"{base}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)"
    )
    options = next(one for one in choices.json()["value"] if one["LogicalName"] == "customertypecode")
    labels = {
        one["Value"]: one["Label"]["UserLocalizedLabel"]["Label"] for one in options["OptionSet"]["Options"]
    }
    assert labels[3] == "Customer"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("EntityDefinitions(LogicalName='nothing')", 404),
        ("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='nothing')", 404),
        ("EntityDefinitions(LogicalName='account')/Nothing", 404),
        ("EntityDefinitions?$select=logicalname", 400),
        ("EntityDefinitions?$filter=Nothing eq 1", 400),
    ],
)
async def test_unknown_metadata(stand: Stand, path: str, status: int) -> None:
    assert (await stand.dataverse.get(path)).status_code == status


async def metadata(stand: Stand, path: str) -> httpx.Response:
    return await stand.operations.get(f"{stand.addresses['operations']}/metadata/{path}")


async def test_public_entities_tell_types_keys_and_what_may_be_edited(stand: Stand) -> None:
    await stand.settings(read_only_fields=["KnownAs"])
    entity = (await metadata(stand, "PublicEntities('CustomerV3')")).json()
    assert entity["EntitySetName"] == "CustomersV3"
    found = {one["Name"]: one for one in entity["Properties"]}
    assert found["OnHoldStatus"]["TypeName"] == "Microsoft.Dynamics.DataEntities.CustVendorBlocked"
    assert (found["CustomerAccount"]["IsKey"], found["CustomerAccount"]["AllowEdit"]) == (True, False)
    assert (found["OrganizationName"]["AllowEdit"], found["KnownAs"]["AllowEdit"]) == (True, False)
    listed = (await metadata(stand, "PublicEntities?$filter=EntitySetName eq 'CustomersV3'")).json()
    assert [one["Name"] for one in listed["value"]] == ["CustomerV3"]


async def test_public_enumerations_tell_members(stand: Stand) -> None:
    members = (await metadata(stand, "PublicEnumerations('NoYes')")).json()["Members"]
    assert [(one["Name"], one["Value"]) for one in members] == [("No", 0), ("Yes", 1)]
    assert (await metadata(stand, "PublicEnumerations('Nothing')")).status_code == 404
    assert (await metadata(stand, "Nothing")).status_code == 404


async def test_the_csdl_names_every_property_that_a_row_has(stand: Stand) -> None:
    answer = await stand.operations.get("$metadata")
    document = ElementTree.fromstring(answer.text)  # noqa: S314 - our own document
    edm = "{http://docs.oasis-open.org/odata/ns/edm}"
    types = {one.get("Name"): one for one in document.iter(f"{edm}EntityType")}
    names = {one.get("Name") for one in types["CustomerV3"].iter(f"{edm}Property")}
    body = {"dataAreaId": "dat", "CustomerGroupId": "10", "OrganizationName": "A"}
    row = (await stand.operations.post("CustomersV3", json=body)).json()
    assert names == {name for name in row if "@" not in name}


async def test_metadata_needs_the_token(stand: Stand) -> None:
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"{stand.addresses['operations']}/metadata/PublicEntities")
    assert answer.status_code == 401
    assert TOKEN not in answer.text
