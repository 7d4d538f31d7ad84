"""Reads what Sales' tables are like, and which currencies the accounts use. All requests are small.

Source: learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api. Lengths, choices
and targets stand in the metadata of their own column types, so each type is a request of its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from shared.dataverse.accounts import API, HEADERS
from shared.dataverse.usage import currency_uses
from shared.model.description import (
    CurrencyUse,
    FieldDescription,
    Organization,
    TableDescription,
    ValueType,
)
from shared.model.faults import ConfigurationFault, System
from shared.model.map_sections import RowRule
from shared.web.odata import ODataClient, answer_of, literal

_REMEDIES = {
    403: "Give the app's user in Sales the right to read table definitions (prvReadEntity).",
    404: "Check DATAVERSE_URL.",
}
_OTHERWISE = "Check the environment and the app's access to it."
_TYPES: Mapping[str, ValueType] = {
    **dict.fromkeys(("String", "Memo", "Uniqueidentifier"), ValueType.TEXT),
    **dict.fromkeys(("Integer", "BigInt"), ValueType.INTEGER),
    **dict.fromkeys(("Decimal", "Double", "Money"), ValueType.DECIMAL),
    **dict.fromkeys(("Picklist", "State", "Status"), ValueType.CHOICE),
    **dict.fromkeys(("Lookup", "Customer", "Owner"), ValueType.LOOKUP),
    "Boolean": ValueType.YES_NO,
}
_AT_ONCE = 20  # names in one address


class DataverseMetadata:
    """Implements the port SalesMetadata; `only_if` are the row rules of the field map."""

    def __init__(self, client: ODataClient, only_if: Sequence[RowRule]) -> None:
        self._client = client
        self._only_if = only_if

    async def organization(self) -> Organization:
        """Read the environment's id, and its base language if the app may read that."""
        organization_id = UUID(str((await self._read("WhoAmI"))["OrganizationId"]))
        try:
            (row,) = (await self._read("organizations?$select=languagecode"))["value"]
        except (ConfigurationFault, ValueError):
            return Organization(organization_id, None)
        return Organization(organization_id, row.get("languagecode"))

    async def table(self, name: str, columns: Collection[str]) -> TableDescription | None:
        """Describe the table with those of these columns that it has; None if there is no such table."""
        query = f"$select=LogicalName,ChangeTrackingEnabled&$filter=LogicalName%20eq%20{literal(name)}"
        found = (await self._read(f"EntityDefinitions?{query}"))["value"]
        if not found:
            return None
        described: dict[str, FieldDescription] = {}
        for names in batched(sorted(columns), _AT_ONCE, strict=False):
            described |= await self._columns(name, names)
        return TableDescription(name, described, bool(found[0].get("ChangeTrackingEnabled")))

    async def used_currencies(self) -> Sequence[CurrencyUse]:
        """Count the active accounts of each currency that the row rules let through."""
        return await currency_uses(self._client, self._only_if)

    async def _columns(self, table: str, names: Collection[str]) -> dict[str, FieldDescription]:
        rows = await self._attributes(table, "", names, "$select=LogicalName,AttributeType")
        kinds = {str(row["LogicalName"]): str(row.get("AttributeType")) for row in rows}
        found = {name: FieldDescription(_TYPES.get(kind, ValueType.OTHER)) for name, kind in kinds.items()}
        for kind, read in _DETAILS.items():
            own = [name for name, its in kinds.items() if its == kind]
            if own:
                rows = await self._attributes(table, kind, own, read)
                found |= {str(row["LogicalName"]): _detailed(found, row) for row in rows}
        return found

    async def _attributes(
        self, table: str, kind: str, names: Collection[str], read: str
    ) -> Iterable[Mapping[str, Any]]:
        cast_to = f"/Microsoft.Dynamics.CRM.{kind}AttributeMetadata" if kind else ""
        wanted = quote(" or ".join(f"LogicalName eq '{name}'" for name in names))
        path = f"EntityDefinitions(LogicalName={literal(table)})/Attributes{cast_to}"
        return (await self._read(f"{path}?{read}&$filter={wanted}"))["value"]

    async def _read(self, path: str) -> dict[str, Any]:
        response = await self._client.get(API + path, HEADERS)
        return answer_of(System.DATAVERSE, response, _REMEDIES, _OTHERWISE)


_LENGTH = "$select=LogicalName,MaxLength"
_TARGETS = "$select=LogicalName,Targets"
_DETAILS: Mapping[str, str] = {
    "String": _LENGTH,
    "Memo": _LENGTH,
    "Picklist": "$select=LogicalName&$expand=OptionSet($select=Options)",
    "Lookup": _TARGETS,
}
"""What is read of the columns of each type, beside their names."""


def _detailed(found: Mapping[str, FieldDescription], row: Mapping[str, Any]) -> FieldDescription:
    """Return the column with what its own type adds."""
    plain = found[str(row["LogicalName"])]
    if (choices := row.get("OptionSet")) is not None:
        options = cast(list[Mapping[str, object]], choices.get("Options") or [])
        return replace(plain, values=frozenset(str(option.get("Value")) for option in options))
    return replace(plain, max_length=row.get("MaxLength"), refers_to=tuple(row.get("Targets") or ()))
