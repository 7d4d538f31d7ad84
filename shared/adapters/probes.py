# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""One cheap request to each outside system, to tell whether it can be used. They raise faults."""

from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceNotFoundError

from shared.adapters.odata import ODataClient
from shared.adapters.tables import CONTROL, table_faults, table_is_missing
from shared.model.faults import OperatorFault, QueueUnavailable

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.servicebus.aio import ServiceBusClient


async def probe_dataverse(client: ODataClient) -> None:
    """Read one account's id."""
    await _probe(client, "/api/data/v9.2/accounts?$select=accountid&$top=1")


async def probe_operations(client: ODataClient) -> None:
    """Read one currency's code."""
    await _probe(client, "/data/Currencies?$select=CurrencyCode&$top=1")


async def probe_tables(client: "TableServiceClient") -> None:
    """Read a row that need not be there."""
    with table_faults():
        try:
            await client.get_table_client(CONTROL).get_entity("probe", "probe")
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise


async def probe_queue(client: "ServiceBusClient", queue: str) -> None:
    """Open a sender's link."""
    try:
        async with client.get_queue_sender(queue) as sender:
            await sender.create_message_batch()
    except (AzureError, OSError) as error:
        raise QueueUnavailable(f"{queue} cannot be opened ({type(error).__name__})") from error


async def _probe(client: ODataClient, path: str) -> None:
    response = await client.get(path)
    if response.status_code != 200:
        remedy = "Check its address and the app's access to it."
        raise OperatorFault(client.system, f"answered {response.status_code}.", remedy)
