# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""What the stores share: the client, rows and pages, and the faults of the Table service."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count, takewhile
from typing import Any
from urllib.request import getproxies

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.data.tables import TableEntity, TableErrorCode, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.model.faults import ConfigurationFault, StateConflict, System, TransientFault
from shared.settings import Settings
from shared.web.credentials import entra_credential

CURRENCY_MAPPING = "CurrencyMapping"
VALUE_MAPPINGS = "ValueMappings"
ACCOUNT_SYNC = "AccountSync"
CUSTOMER_OWNERS = "CustomerOwners"
ISSUES = "Issues"
CONTROL = "Control"
TABLES = (CURRENCY_MAPPING, VALUE_MAPPINGS, ACCOUNT_SYNC, CUSTOMER_OWNERS, ISSUES, CONTROL)
_PIECE = 30_000  # characters of ASCII; a property holds 32 K UTF-16 units


def table_service(settings: Settings) -> TableServiceClient:
    """Make the one client of the process. Its own retries are short; the app makes the later attempts."""
    retries: dict[str, Any] = {
        "retry_total": 2,
        "retry_backoff_factor": 0.2,
        "connection_timeout": 5,
        "read_timeout": 20,
        # Otherwise each request asks two threads for proxies and .netrc: a third of its CPU time.
        "use_env_settings": bool(getproxies()),
    }
    if settings.tables_connection:
        text = settings.tables_connection.get_secret_value()
        return TableServiceClient.from_connection_string(text, **retries)
    return TableServiceClient(
        endpoint=settings.tables_endpoint or "", credential=entra_credential(settings), **retries
    )


@contextmanager
def table_faults() -> Generator[None]:
    """Translate errors of the Table service into faults. A store handles its own conflicts before that."""
    try:
        yield
    except ClientAuthenticationError as error:
        raise _refused(error) from error
    except HttpResponseError as error:
        if error.status_code in {400, 403, 404}:
            raise _refused(error) from error
        raise TransientFault(System.TABLES, f"answered {error.status_code}") from error
    except ServiceRequestError as error:
        raise TransientFault(System.TABLES, "no connection") from error
    except AzureError as error:
        raise TransientFault(System.TABLES, f"no answer ({type(error).__name__})") from error


async def get_row(
    table: TableClient, partition: str, key: str, select: Sequence[str] | None = None
) -> TableEntity | None:
    """Read one row; None if it does not exist."""
    with table_faults():
        try:
            return await table.get_entity(partition, key, select=list(select) if select else None)
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return None


async def put_under(
    etag: str | None, entity: dict[str, Any], table: TableClient, mode: UpdateMode = UpdateMode.REPLACE
) -> str:
    """Replace the row that has this ETag, or insert it if `etag` is None. Return the new ETag.

    Raises StateConflict if another writer was faster.
    """
    with table_faults():
        try:
            if etag is None:
                done = await table.create_entity(entity)
            else:
                done = await table.update_entity(entity, mode=mode, **unchanged(etag))
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            if isinstance(error, ResourceNotFoundError) and table_is_missing(error):
                raise
            raise StateConflict from error
    return str(done["etag"])


def unchanged(etag: str) -> dict[str, Any]:
    """Return the arguments with which a request fails if the row was changed since it was read."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


async def read_page(
    table: TableClient,
    query: str,
    parameters: Mapping[str, Any],
    select: Sequence[str],
    after: str,
    most: int | None = None,
) -> tuple[list[TableEntity], str]:
    """Read one page of a query, and the token of the next page; "" after the last one.

    A page can be empty although it is not the last: the service stops a query after some seconds.
    """
    rows = table.query_entities(
        query, parameters=dict(parameters), select=list(select) or None, results_per_page=most
    )
    pages = rows.by_page(json.loads(after) if after else None)
    with table_faults():
        async for page in pages:
            rows = [entity async for entity in page]
            token: object = getattr(pages, "continuation_token", None)
            return rows, json.dumps(token) if token else ""
    return [], ""


async def probe_tables(client: TableServiceClient) -> None:
    """Read a row, which need not exist, to test whether the tables can be used. Raises faults."""
    await get_row(client.get_table_client(CONTROL), "probe", "probe")


def in_pieces(name: str, text: str) -> dict[str, str]:
    """Divide a text of ASCII, which may be longer than a property, among NAME, NAME1, NAME2 and so on.

    Source: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model.
    """
    starts = range(0, len(text), _PIECE)
    return {f"{name}{place or ''}": text[start : start + _PIECE] for place, start in enumerate(starts)}


def from_pieces(name: str, row: Mapping[str, Any]) -> str:
    """Return a text that `in_pieces` split."""
    names = (f"{name}{place or ''}" for place in count())
    return "".join(str(row[one]) for one in takewhile(row.__contains__, names))


def text_of(moment: datetime | None) -> str | None:
    """Encode a time as stored in the tables."""
    return moment.isoformat() if moment else None


def moment_of(text: str | None) -> datetime | None:
    """Decode a time that `text_of` encoded."""
    return datetime.fromisoformat(text) if text else None


def table_is_missing(error: HttpResponseError) -> bool:
    """Whether "not found" means that the table is missing, which is a configuration fault, and not a row."""
    return _code(error) == TableErrorCode.TABLE_NOT_FOUND


def _refused(error: HttpResponseError) -> ConfigurationFault:
    reason = f"answered {error.status_code} {_code(error)}.".replace(" .", ".")
    remedy = "Check that the six tables exist and that the app has the role Storage Table Data Contributor."
    return ConfigurationFault(System.TABLES, reason, remedy)


def _code(error: HttpResponseError) -> str:
    """Return the service's error code; some operations of the SDK do not provide it."""
    headers = getattr(error.response, "headers", {})
    code = getattr(error, "error_code", None) or headers.get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")
