"""Reads from Dataverse which accounts changed: by change tracking, or by the column modifiedon.

Source: learn.microsoft.com/power-apps/developer/data-platform/
use-change-tracking-synchronize-data-external-systems. The first read gives all accounts and, on its last
page, a delta link; that link gives what changed or was deleted since, and the next link. The documentation
does not say how an expired link is refused: every 4xx counts, and the code of ExpiredVersionStamp with any
status. Nor does it say how a table without change tracking answers: after a 400 the table's definition is
asked.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS, existing_accounts
from shared.model.catch_up import LONGEST_LINK, ChangedAccount, ChangePage, Refusal
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.web.odata import ODataClient, answer_of, error_text

PAGE_SIZE = 1_000
_ALL = f"{API}accounts?$select=accountid,versionnumber"
_DEFINITION = (
    f"{API}EntityDefinitions?$select=LogicalName,ChangeTrackingEnabled&$filter=LogicalName%20eq%20'account'"
)
_EXPIRED = "0x80044352"  # ExpiredVersionStamp
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_ETAG = re.compile(r'W/"(\d{1,20})"', re.ASCII)
_REMEDIES = {
    403: "Give the app's user the right to read accounts of the whole organization; tracking needs it.",
    404: "Check DATAVERSE_URL.",
}


class DataverseChanges:
    """Implements the port AccountChanges."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def begin(self) -> ChangePage | Refusal:
        response = await self._get(_ALL, tracked=True)
        if response.status_code == 400 and not await self._is_tracked():
            return Refusal.TRACKING_OFF
        return self._page(response, tracked=True)

    async def follow(self, link: str, *, tracked: bool) -> ChangePage | Refusal:
        if not self._client.is_own(httpx.URL(link)):  # the address of Sales was changed since
            return Refusal.LINK
        response = await self._get(link, tracked=tracked)
        status = response.status_code
        if 400 <= status < 500 or error_text(response, "code") == _EXPIRED:
            return Refusal.LINK
        return self._page(response, tracked=tracked, link=link)

    async def modified_since(self, moment: datetime | None) -> ChangePage | Refusal:
        since = (moment or _EARLIEST).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._page(await self._get(f"{_ALL}&$filter=modifiedon%20ge%20{since}"))

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        return await existing_accounts(self._client, account_ids, _content)

    async def organization(self) -> UUID:
        return UUID(str(_content(await self._client.get(f"{API}WhoAmI", HEADERS))["OrganizationId"]))

    async def _get(self, path: str, *, tracked: bool = False) -> httpx.Response:
        preferences = ["odata.track-changes"] if tracked else []
        prefer = ",".join([*preferences, f"odata.maxpagesize={PAGE_SIZE}"])
        return await self._client.get(path, {**HEADERS, "Prefer": prefer}, passed_on={500})

    async def _is_tracked(self) -> bool:
        """Whether the table's definition says that change tracking is on; False if it may not be read."""
        response = await self._client.get(_DEFINITION, HEADERS)
        if response.status_code != 200:
            return False
        rows: list[dict[str, Any]] = _content(response).get("value") or [{}]
        return rows[0].get("ChangeTrackingEnabled") is True

    def _page(
        self, response: httpx.Response, *, tracked: bool = False, link: str = ""
    ) -> ChangePage | Refusal:
        body = _content(response)
        rows: object = body.get("value")
        if not isinstance(rows, list):
            raise TransientFault(System.DATAVERSE, "answered a list without its rows")
        following = self._link(response, body.get("@odata.nextLink"))
        delta = self._link(response, body.get("@odata.deltaLink"))
        if following and following == link:
            raise TransientFault(System.DATAVERSE, "the pages of its answer do not end")
        if tracked and not following and not delta:
            return Refusal.TRACKING_OFF  # it was not refused, but nothing was tracked
        at = self._client.answered_at(response)
        return ChangePage(list(map(_changed, cast(list[Mapping[str, Any]], rows))), at, following, delta)

    def _link(self, response: httpx.Response, link: object) -> str:
        """Return a link of a page as an address of Sales, "" if there is none. Raises ConfigurationFault."""
        if not link:
            return ""
        address = str(self._client.following(response.url, link))
        if len(address) > LONGEST_LINK:
            remedy = f"A link of Sales has {len(address):,} characters, more than an address can have."
            raise ConfigurationFault(System.DATAVERSE, "names a link that nobody can follow.", remedy)
        return address


def _changed(row: Mapping[str, Any]) -> ChangedAccount:
    """Read a row of an answer: an account, or the note of a deleted one, whose id may be an address."""
    if "reason" in row or "$deletedEntity" in str(row.get("@odata.context")):
        found = _ID.search(str(row.get("id")))
        if found is None:
            raise TransientFault(System.DATAVERSE, "answered a deleted account without its id")
        return ChangedAccount(UUID(found[0]), None)
    version = row.get("versionnumber")
    if version is None and (etag := _ETAG.fullmatch(str(row.get("@odata.etag")))):
        version = etag[1]
    return ChangedAccount(UUID(str(row["accountid"])), int(version or 0))


def _content(response: httpx.Response) -> dict[str, Any]:
    return answer_of(System.DATAVERSE, response, _REMEDIES, "Check the environment and the access to it.")
