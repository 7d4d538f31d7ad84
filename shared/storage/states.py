# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table AccountSync: the state of each account as one entity."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import EdmType, EntityProperty
from azure.data.tables.aio import TableClient

from shared.model.customer import CustomerKey
from shared.model.state import Lease, Phase, Stored, SyncState, decode_log, encode_log
from shared.ports.recovery import Page, ScannedAccount
from shared.storage.tables import put_under, read_page, table_faults, table_is_missing

ROW = "state"
_SCANNED = ("PartitionKey", "OrganizationId", "CurrencyKey", "Issue", "ReadAt")
_MOST_NAMED = 10  # a filter of the Table service takes 15 comparisons


class StateTable:
    """Implements the port SyncStates."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, account_id: UUID) -> Stored | None:
        """The account's state, if there is one."""
        with table_faults():
            try:
                entity = await self._table.get_entity(str(account_id), ROW)
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
                return None
        return Stored(decode_state(entity), entity.metadata["etag"])

    async def put(self, state: SyncState, etag: str | None) -> str:
        """Replace the state that has this ETag, or insert where there is none. Raises StateConflict."""
        return await put_under(etag, encode_state(state), self._table)

    async def with_currency(self, keys: Collection[str], after: str) -> Page[ScannedAccount]:
        """Accounts with one of these currency keys; a page of a scan of the table."""
        if len(keys) > _MOST_NAMED:
            page = await self._page("CurrencyKey gt ''", {}, after)
            return page._replace(rows=[row for row in page.rows if row.currency_key in keys])
        named = {f"key{number}": key for number, key in enumerate(keys)}
        return await self._page(" or ".join(f"CurrencyKey eq @{name}" for name in named), named, after)

    async def with_issue(self, after: str) -> Page[ScannedAccount]:
        """Accounts that have an issue; a page of a scan of the table."""
        return await self._page("Issue gt ''", {}, after)

    async def _page(self, query: str, parameters: Mapping[str, str], after: str) -> Page[ScannedAccount]:
        entities, next_page = await read_page(self._table, query, parameters, _SCANNED, after)
        return Page([_scanned(entity) for entity in entities], next_page)


def _scanned(entity: Mapping[str, Any]) -> ScannedAccount:
    return ScannedAccount(
        UUID(entity["PartitionKey"]),
        UUID(entity["OrganizationId"]),
        str(entity.get("CurrencyKey") or ""),
        str(entity.get("Issue") or ""),
        _moment(entity.get("ReadAt")),
    )


def encode_state(state: SyncState) -> dict[str, Any]:
    """The entity; what is not known is left out."""
    entity: dict[str, Any] = {
        "PartitionKey": str(state.account_id),
        "RowKey": ROW,
        "OrganizationId": str(state.organization_id),
        "Phase": state.phase and str(state.phase),
        **_encode_key(state.customer, "Company", "CustomerAccount"),
        **_encode_key(state.intent, "IntendedCompany", "IntendedCustomerAccount"),
        "Begun": ",".join(state.begun) or None,
        "CurrencyKey": state.currency_key,
        "Issue": state.issue,
        "PreviousHold": state.previous_hold,
        "Deleted": state.deleted or None,
        "Version": None if state.version is None else EntityProperty(state.version, EdmType.INT64),
        "ReadAt": state.read_at and state.read_at.isoformat(),
        "Confirmed": json.dumps(dict(state.confirmed), separators=(",", ":")),
        "FingerprintKey": state.fingerprint_key,
        "DoubtfulUntil": state.unknown_until and state.unknown_until.isoformat(),
        "RetryingSince": state.retrying_since and state.retrying_since.astimezone(UTC).isoformat(),
        "LeaseOwner": state.lease and str(state.lease.owner),
        "LeaseUntil": state.lease and state.lease.until.isoformat(),
        "Log": encode_log(state.log),
    }
    return {name: value for name, value in entity.items() if value is not None}


def decode_state(entity: Mapping[str, Any]) -> SyncState:
    """The state in an entity."""
    owner, phase, version = entity.get("LeaseOwner"), entity.get("Phase"), entity.get("Version")
    return SyncState(
        account_id=UUID(entity["PartitionKey"]),
        organization_id=UUID(entity["OrganizationId"]),
        phase=Phase(phase) if phase else None,
        customer=_decode_key(entity, "Company", "CustomerAccount"),
        intent=_decode_key(entity, "IntendedCompany", "IntendedCustomerAccount"),
        begun=tuple(filter(None, str(entity.get("Begun") or "").split(","))),
        currency_key=entity.get("CurrencyKey"),
        issue=entity.get("Issue"),
        previous_hold=entity.get("PreviousHold"),
        deleted=bool(entity.get("Deleted")),
        version=None if version is None else int(getattr(version, "value", version)),
        read_at=_moment(entity.get("ReadAt")),
        confirmed=json.loads(entity["Confirmed"]),
        fingerprint_key=entity.get("FingerprintKey", ""),
        unknown_until=_moment(entity.get("DoubtfulUntil")),
        retrying_since=_moment(entity.get("RetryingSince")),
        lease=Lease(UUID(owner), datetime.fromisoformat(entity["LeaseUntil"])) if owner else None,
        log=decode_log(entity["Log"]),
    )


def _encode_key(key: CustomerKey | None, company: str, number: str) -> dict[str, str]:
    if key is None:
        return {}
    return {company: key.company, number: key.number, **({f"{number}By": key.by} if key.by else {})}


def _decode_key(entity: Mapping[str, Any], company: str, number: str) -> CustomerKey | None:
    if number not in entity:
        return None
    return CustomerKey(entity[company], entity[number], entity.get(f"{number}By", ""))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
