"""Reads and writes endpoints and steps in Dataverse, through its Web API.

The error texts of Dataverse are shown, because they say what is wrong, and these rows hold no personal data.
Source: learn.microsoft.com/power-apps/developer/data-platform/reference/entities/serviceendpoint and
.../sdkmessageprocessingstep; secrets there are write-only.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS
from shared.dataverse.endpoints import Columns, Kind, Registered, Scope
from shared.model.faults import ConfigurationFault, System
from shared.web.odata import ODataClient, answer_of, error_text, literal

_ENDPOINT = (
    "name,contract,authtype,namespaceaddress,path,saskeyname,messageformat,messagecharset,userclaim,url,"
    "issaskeyset,isauthvalueset"
)
_STEP = (
    "name,stage,mode,rank,asyncautodelete,supporteddeployment,filteringattributes,statecode,statuscode,"
    "_sdkmessageid_value,_sdkmessagefilterid_value"
)
_IDS = {Kind.ENDPOINT: "serviceendpointid", Kind.STEP: "sdkmessageprocessingstepid"}
_FAILED = 31
_MOST_JOBS = 100
_REMEDIES = {
    403: "Sign in as somebody with the role System Customizer or System Administrator there.",
    404: "Check DATAVERSE_URL.",
}


class DataverseRegistry:
    """Implements Registry."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def organization(self) -> UUID:
        return UUID(str(_answer(await self._client.get(f"{API}WhoAmI", HEADERS))["OrganizationId"]))

    async def endpoints(self, name: str) -> Sequence[Registered]:
        rows = await self._rows("serviceendpoints", _ENDPOINT, f"name%20eq%20{literal(name)}")
        return [_registered(Kind.ENDPOINT, row) for row in rows]

    async def steps(self, endpoint_id: UUID) -> Sequence[Registered]:
        rows = await self._rows(
            "sdkmessageprocessingsteps", _STEP, f"_eventhandler_value%20eq%20{endpoint_id}"
        )
        return [_registered(Kind.STEP, row) for row in rows]

    async def scope(self, message: str, table: str) -> Scope:
        messages = await self._rows("sdkmessages", "sdkmessageid", f"name%20eq%20{literal(message)}")
        message_id = _first(messages, "sdkmessageid", f"the message {message}")
        condition = f"primaryobjecttypecode eq {{}} and _sdkmessageid_value eq {message_id}"
        where = quote(condition, safe="{}()").format(literal(table))
        filters = await self._rows("sdkmessagefilters", "sdkmessagefilterid", where)
        return Scope(message_id, _first(filters, "sdkmessagefilterid", f"{message} of {table}"))

    async def failed_jobs(self, step_id: UUID) -> int:
        condition = f"_owningextensionid_value%20eq%20{step_id}%20and%20statuscode%20eq%20{_FAILED}"
        rows = await self._rows("asyncoperations", "asyncoperationid", f"{condition}&$top={_MOST_JOBS}")
        return len(rows)

    async def create(self, kind: Kind, columns: Columns, solution: str = "") -> UUID:
        headers = {**HEADERS, "Prefer": "return=representation"}
        if solution:
            headers["MSCRM.SolutionUniqueName"] = solution
        path = f"{API}{kind}?$select={_IDS[kind]}"
        response = await self._client.write("POST", path, _encoded(columns), headers)
        return UUID(str(_answer(response)[_IDS[kind]]))

    async def update(self, kind: Kind, row_id: UUID, columns: Columns) -> None:
        headers = {**HEADERS, "If-Match": "*"}
        _answer(await self._client.write("PATCH", f"{API}{kind}({row_id})", _encoded(columns), headers))

    async def delete(self, kind: Kind, row_id: UUID) -> None:
        response = await self._client.write("DELETE", f"{API}{kind}({row_id})", b"", HEADERS)
        if response.status_code != 404:
            _answer(response)

    async def _rows(self, entity_set: str, select: str, condition: str) -> Sequence[Mapping[str, Any]]:
        path = f"{API}{entity_set}?$select={select}&$filter={condition}"
        return _answer(await self._client.get(path, HEADERS))["value"]


def _registered(kind: Kind, row: Mapping[str, Any]) -> Registered:
    """Read a row. Dataverse names a lookup `_name_value`; `columns` has its plain name."""
    columns = {_plain(name): value for name, value in row.items() if "@" not in name}
    return Registered(UUID(str(row[_IDS[kind]])), str(row["name"]), columns)


def _plain(name: str) -> str:
    return name.removeprefix("_").removesuffix("_value") if name.startswith("_") else name


def _encoded(columns: Columns) -> bytes:
    return json.dumps(dict(columns)).encode()


def _first(rows: Sequence[Mapping[str, Any]], column: str, what: str) -> UUID:
    if not rows:
        raise ConfigurationFault(System.DATAVERSE, f"does not know {what}.", "Check DATAVERSE_URL.")
    return UUID(str(rows[0][column]))


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.status_code == 204:
        return {}
    said = f": {error_text(response, 'message') or 'without saying why.'}"
    otherwise = "Correct what it names; with --dry-run see what would be sent."
    return answer_of(System.DATAVERSE, response, _REMEDIES, otherwise, said)
