"""Fields that Business Central takes as ids, and people know as codes: payment terms and their like.

A value is a code everywhere in the app; it becomes the id of the company's own record when it is sent, and a
code again when it is read. The zero id is a blank (learn.microsoft.com/dynamics365/business-central/
dev-itpro/api-reference/v2.0/resources/dynamics_paymentterm).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.model.customer import FieldValue
from shared.model.faults import AccountFault
from shared.model.outcome import Cause, Problem
from shared.targets.business_central.companies import STANDARD, Companies, guid
from shared.targets.business_central.errors import HEADERS, page_content, text_of
from shared.web.odata import ODataClient

LISTS: Mapping[str, str] = {
    "paymentTermsId": "paymentTerms",
    "paymentMethodId": "paymentMethods",
    "shipmentMethodId": "shipmentMethods",
}
_NO_ID = str(UUID(int=0))
_KEPT, _AGAIN = timedelta(hours=1), timedelta(seconds=5)  # an unknown code or id is looked for again


class _Copy(NamedTuple):
    ids: Mapping[str, str]
    read_at: datetime


class References:
    """The lists behind these fields. `count`: the ids of the companies whose codes count as known."""

    def __init__(
        self,
        client: ODataClient,
        companies: Companies,
        fields: Collection[str],
        count: Callable[[], Awaitable[list[str]]],
    ) -> None:
        self._client = client
        self._companies = companies
        self._fields = [name for name in fields if name in LISTS]
        self._count = count
        self._copies: dict[tuple[str, str], _Copy] = {}
        self._ids: dict[str, str] = {}
        self._unknown = False

    async def know(self, field: str, code: str) -> bool | None:
        """Whether a company has the code; None if the field has no list."""
        if field not in self._fields:
            return None
        wanted = code.strip().upper()
        return any([wanted in await self._list(one, field, wanted) for one in await self._count()])

    async def to_send(self, company: str, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Return the values with ids in place of codes. Raises AccountFault for an unknown code."""
        sent = dict(fields)
        for name in self._fields:
            if name in sent:
                sent[name] = await self._id(company, name, str(sent[name]).strip().upper())
        return sent

    async def prepare(self, company: str) -> None:
        """Read the company's lists, before a record that refers to them is read."""
        for name in self._fields:
            company_id = self._ids[company] = await self._companies.id_of(company)
            await self._list(company_id, name, None if self._unknown else "")
        self._unknown = False

    def read(self, company: str, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Return the values with codes in place of ids; an id that is not on the list stays as it is."""
        return {
            name: self._code(self._ids.get(company, ""), name, str(value)) if name in self._fields else value
            for name, value in fields.items()
        }

    def _code(self, company_id: str, field: str, value: str) -> str:
        if not value.strip() or value == _NO_ID:
            return ""
        copy = self._copies.get((company_id, field))
        codes = {found: code for code, found in copy.ids.items()} if copy else {}
        self._unknown = self._unknown or value.lower() not in codes
        return codes.get(value.lower(), value)

    async def _id(self, company: str, field: str, code: str) -> str:
        if not code:
            return _NO_ID
        ids = await self._list(await self._companies.id_of(company), field, code)
        if code not in ids:
            raise AccountFault(Problem(Cause.REFUSED, field=field))
        return ids[code]

    async def _list(self, company_id: str, field: str, wanted: str | None) -> Mapping[str, str]:
        """Return the ids by code, read again when they are old; soon if `wanted` is missing, or is None."""
        copy, now = self._copies.get((company_id, field)), self._client.clock.now()
        longest = _KEPT if copy and wanted is not None and (not wanted or wanted in copy.ids) else _AGAIN
        if copy is None or now - copy.read_at > longest:
            path = f"{STANDARD}/companies({company_id})/{LISTS[field]}?$select=id,code"
            rows = self._client.rows(path, HEADERS, page_content)
            ids = {text_of(row, "code").upper(): guid(text_of(row, "id")) async for row in rows}
            copy = self._copies[company_id, field] = _Copy(ids, now)
        return copy.ids
