# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table AccountSync: the state of each account as one entity."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from azure.data.tables import EdmType, EntityProperty
from azure.data.tables.aio import TableClient

from shared.model.customer import CustomerKey
from shared.model.mapping import MappingTable, Usage
from shared.model.outcome import of_mapping
from shared.model.state import (
    Lease,
    Page,
    Phase,
    ScannedAccount,
    Stored,
    SyncState,
    decode_log,
    encode_log,
)
from shared.storage.tables import get_row, moment_of, put_under, read_page, table_faults

ROW = "state"
_SCANNED = ("PartitionKey", "OrganizationId", "Issue", "ReadAt")
_KEYS = ("Mapped_", "Option_")  # before a field's name: its first key in its mapping table, and its second
_MOST_NAMED = 10  # the limit of comparisons in a filter of the Table service


class StateTable:
    """Implements the port SyncStates."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, account_id: UUID) -> Stored | None:
        entity = await get_row(self._table, str(account_id), ROW)
        return Stored(decode_state(entity), entity.metadata["etag"]) if entity else None

    async def put(self, state: SyncState, etag: str | None) -> str:
        return await put_under(etag, encode_state(state), self._table)

    async def with_key(self, table: MappingTable, keys: Collection[str], after: str) -> Page[ScannedAccount]:
        columns = _key_columns(table)
        if not columns:
            return Page([], "")
        select, read = (*_SCANNED, *columns), partial(_scanned, columns=columns)
        if len(keys) * len(columns) > _MOST_NAMED:
            wanted = {*keys}
            query = " or ".join(f"{column} gt ''" for column in columns)
            page = await self._page(query, {}, select, after, read)
            return page._replace(rows=[row for row in page.rows if not wanted.isdisjoint(row.keys)])
        named = {f"key{number}": key for number, key in enumerate(keys)}
        query = " or ".join(f"{column} eq @{name}" for column in columns for name in named)
        return await self._page(query, named, select, after, read)

    async def with_issue(self, after: str) -> Page[ScannedAccount]:
        return await self._page("Issue gt ''", {}, _SCANNED, after, _scanned)

    async def waiting(self, after: str) -> Page[datetime]:
        query = "RetryingSince gt '' or DoubtfulUntil gt ''"
        return await self._page(query, {}, ("RetryingSince", "DoubtfulUntil"), after, _waits_since)

    async def usage(self, table: MappingTable) -> Mapping[str, Usage]:
        accounts, parked = Counter[str](), Counter[str]()
        if not (columns := _key_columns(table)):
            return {}
        with table_faults():
            async for entity in self._table.list_entities(select=[*columns, "Phase", "Issue"]):
                keys = set(_keys_in(entity, columns))
                accounts.update(keys)
                if entity.get("Phase") == Phase.PARKED and of_mapping(table, str(entity.get("Issue") or "")):
                    parked.update(keys)
        return {key: Usage(count, parked[key]) for key, count in accounts.items()}

    async def is_empty(self) -> bool:
        with table_faults():
            async for _ in self._table.list_entities(select=["Phase"], results_per_page=1):
                return False
        return True

    async def _page[T](
        self,
        query: str,
        parameters: Mapping[str, str],
        select: Sequence[str],
        after: str,
        read: Callable[[Mapping[str, Any]], T],
    ) -> Page[T]:
        entities, next_page = await read_page(self._table, query, parameters, select, after)
        return Page([read(entity) for entity in entities], next_page)


def _waits_since(entity: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entity.get("RetryingSince") or entity["DoubtfulUntil"]))


def _key_columns(table: MappingTable) -> tuple[str, ...]:
    """Return the properties that hold the accounts' keys in the mapping table."""
    if table.of_currencies:
        return ("CurrencyKey",)
    return tuple(f"{prefix}{field}" for field in table.fields for prefix in _KEYS)


def _keys_in(entity: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(entity[column]) for column in columns if entity.get(column))


def _scanned(entity: Mapping[str, Any], columns: Sequence[str] = ()) -> ScannedAccount:
    return ScannedAccount(
        UUID(entity["PartitionKey"]),
        UUID(entity["OrganizationId"]),
        _keys_in(entity, columns),
        str(entity.get("Issue") or ""),
        moment_of(entity.get("ReadAt")),
    )


def encode_state(state: SyncState) -> dict[str, Any]:
    """Encode the state as an entity, without empty values."""
    entity: dict[str, Any] = {
        "PartitionKey": str(state.account_id),
        "RowKey": ROW,
        "OrganizationId": str(state.organization_id),
        "Phase": state.phase and str(state.phase),
        **_encode_key(state.customer, "Company", "CustomerAccount"),
        **_encode_key(state.intent, "IntendedCompany", "IntendedCustomerAccount"),
        "Begun": ",".join(state.begun) or None,
        "CurrencyKey": state.currency_key,
        **_encode_keys(state.mapped_keys),
        "Issue": state.issue,
        "PreviousHold": state.previous_hold,
        "Deleted": state.deleted or None,
        "Version": None if state.version is None else EntityProperty(state.version, EdmType.INT64),
        "ReadAt": state.read_at and state.read_at.isoformat(),
        "Confirmed": json.dumps(dict(state.confirmed), separators=(",", ":")),
        "FingerprintKey": state.fingerprint_key,
        "FieldMap": state.field_map or None,
        "Replaced": json.dumps(dict(state.replaced), separators=(",", ":")) if state.replaced else None,
        "DoubtfulUntil": state.unknown_until and state.unknown_until.isoformat(),
        "RetryingSince": state.retrying_since and state.retrying_since.astimezone(UTC).isoformat(),
        "LeaseOwner": state.lease and str(state.lease.owner),
        "LeaseUntil": state.lease and state.lease.until.isoformat(),
        "Log": encode_log(state.log),
        "LastAttempt": state.last_attempt or None,
    }
    return {name: value for name, value in entity.items() if value is not None}


def decode_state(entity: Mapping[str, Any]) -> SyncState:
    """Decode the state in an entity."""
    owner, phase, version = entity.get("LeaseOwner"), entity.get("Phase"), entity.get("Version")
    return SyncState(
        account_id=UUID(entity["PartitionKey"]),
        organization_id=UUID(entity["OrganizationId"]),
        phase=Phase(phase) if phase else None,
        customer=_decode_key(entity, "Company", "CustomerAccount"),
        intent=_decode_key(entity, "IntendedCompany", "IntendedCustomerAccount"),
        begun=tuple(filter(None, str(entity.get("Begun") or "").split(","))),
        currency_key=entity.get("CurrencyKey"),
        mapped_keys=_decode_keys(entity),
        issue=entity.get("Issue"),
        previous_hold=entity.get("PreviousHold"),
        deleted=bool(entity.get("Deleted")),
        version=None if version is None else int(getattr(version, "value", version)),
        read_at=moment_of(entity.get("ReadAt")),
        confirmed=json.loads(entity["Confirmed"]),
        fingerprint_key=entity.get("FingerprintKey", ""),
        field_map=entity.get("FieldMap", ""),
        replaced=json.loads(entity.get("Replaced") or "{}"),
        unknown_until=moment_of(entity.get("DoubtfulUntil")),
        retrying_since=moment_of(entity.get("RetryingSince")),
        lease=Lease(UUID(owner), datetime.fromisoformat(entity["LeaseUntil"])) if owner else None,
        log=decode_log(entity["Log"]),
        last_attempt=str(entity.get("LastAttempt") or ""),
    )


def _encode_keys(keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {
        f"{prefix}{field}": key
        for field, own in keys.items()
        for prefix, key in zip(_KEYS, own, strict=False)
    }


def _decode_keys(entity: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    first, _ = _KEYS
    fields = [name.removeprefix(first) for name in entity if name.startswith(first)]
    return {field: _keys_in(entity, [f"{prefix}{field}" for prefix in _KEYS]) for field in fields}


def _encode_key(key: CustomerKey | None, company: str, number: str) -> dict[str, str]:
    if key is None:
        return {}
    more = {f"{number}By": key.by, f"{number}Id": key.id}
    return {company: key.company, number: key.number, **{name: text for name, text in more.items() if text}}


def _decode_key(entity: Mapping[str, Any], company: str, number: str) -> CustomerKey | None:
    if number not in entity:
        return None
    by, own_id = (str(entity.get(f"{number}{part}", "")) for part in ("By", "Id"))
    return CustomerKey(entity[company], entity[number], by, own_id)
