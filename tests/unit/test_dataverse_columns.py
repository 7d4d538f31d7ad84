"""A column that Sales does not have is named, with the nearest one that it has."""

from uuid import UUID

import httpx
import pytest

from shared.dataverse.accounts import DataverseAccounts
from shared.field_maps import load_field_map
from shared.model.faults import ConfigurationFault, Fault, System
from shared.web.odata import ODataClient
from tests.fakes.clock import FakeClock


class Token:
    async def authorization(self) -> str:
        return "Bearer token"


def accounts(message: str) -> DataverseAccounts:
    answer = {"error": {"code": "0x80060888", "message": message}}
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json=answer))
    http = httpx.AsyncClient(base_url="http://sales", transport=transport)
    client = ODataClient(System.DATAVERSE, http, Token(), FakeClock())
    return DataverseAccounts(client, load_field_map("operations"))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("emailadress1", 'no column "emailadress1".* Did you mean "emailaddress1"?'),
        ("address1_postcode", 'no column "address1_postcode".* Did you mean "address1_postalcode"?'),
        (
            "new_zzz",
            'no column "new_zzz", which the field map names. Correct the field map, or add the column.$',
        ),
    ],
)
async def test_a_column_that_sales_refuses_is_named_with_the_nearest_right_one(
    column: str, said: str
) -> None:
    asked = accounts(f"Could not find a property named '{column}' on type 'Microsoft.Dynamics.CRM.account'.")
    with pytest.raises(ConfigurationFault, match=said.replace("?", r"\?")):
        await asked.read(UUID(int=1))


async def test_a_column_that_cannot_be_written_back_is_named() -> None:
    message = "Invalid property 'accountnummer' was found in entity 'Microsoft.Dynamics.CRM.account'."
    with pytest.raises(ConfigurationFault, match=r'no column "accountnummer".*"accountnumber"'):
        await accounts(message).write_back(UUID(int=1), "accountnummer", "1")


async def test_a_text_that_is_no_columns_name_is_never_repeated() -> None:
    with pytest.raises(Fault) as raised:
        await accounts("Could not find a property named 'Jane Doe, 1 Road' on type 'x'.").read(UUID(int=1))
    assert "Jane" not in str(raised.value)
