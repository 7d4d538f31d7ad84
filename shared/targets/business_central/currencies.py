"""The currencies that Business Central knows: the table of a company, and its ledger's own.

The ledger's currency need not be in the table; a customer has a blank instead of it
(learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/resources/dynamics_currency,
dynamics_generalledgersetup). The API translates between the two, unless the ledger names no currency.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress

from shared.model.customer import FieldValue
from shared.model.faults import AccountFault, ConfigurationFault
from shared.targets.business_central.companies import STANDARD, Companies
from shared.targets.business_central.errors import HEADERS, good_content, page_content, text_of
from shared.targets.known_codes import KnownCodes
from shared.web.odata import ODataClient


class BusinessCentralCurrencies:
    """The codes of one environment.

    `names` are the companies whose currencies count; without names, those of all companies.
    """

    def __init__(
        self,
        client: ODataClient,
        companies: Companies,
        names: Collection[str],
        local_currency: str,
    ) -> None:
        self._client = client
        self._companies = companies
        self._names = names
        self._local = local_currency
        self._codes = KnownCodes(self._read_anew, client.clock)
        self._ledgers: dict[str, str] = {}

    async def knows(self, code: str) -> bool:
        """Whether the code is one of the currencies, or the ledger's own."""
        return await self._codes.contain(code)

    async def to_send(
        self, company: str, fields: Mapping[str, FieldValue], currency_fields: Collection[str]
    ) -> dict[str, FieldValue]:
        """Return the values to send: a local currency that the company's ledger does not name is a blank."""
        sent = dict(fields)
        for name in fields.keys() & currency_fields:
            if await self._sends_blank(await self._companies.id_of(company), str(fields[name])):
                sent[name] = ""
        return sent

    async def _sends_blank(self, company_id: str, code: str) -> bool:
        if not self._local or code.strip().upper() != self._local:
            return False
        if company_id not in self._ledgers:
            self._ledgers[company_id] = await ledger_currency(self._client, company_id)
        return not self._ledgers[company_id]

    async def _read_anew(self) -> frozenset[str]:
        try:
            return await self._read()
        except ConfigurationFault:
            self._companies.forget()
            raise

    async def _read(self) -> frozenset[str]:
        codes = {self._local}
        for company_id in await self.company_ids():
            codes |= {await ledger_currency(self._client, company_id), *await self._table(company_id)}
        return frozenset(codes - {""})

    async def company_ids(self) -> list[str]:
        """Return the companies that count. A name that none has concerns its own accounts only."""
        if not self._names:
            return [*(await self._companies.all_ids()).values()]
        ids: list[str] = []
        for name in self._names:
            with suppress(AccountFault):
                ids.append(await self._companies.id_of(name))
        return ids

    async def _table(self, company_id: str) -> list[str]:
        path = f"{STANDARD}/companies({company_id})/currencies?$select=code"
        rows = self._client.rows(path, HEADERS, page_content)
        return [text_of(row, "code").upper() async for row in rows]


async def ledger_currency(client: ODataClient, company_id: str) -> str:
    """Return the ledger's currency. The set-up is one record, answered as a list or by itself."""
    path = f"{STANDARD}/companies({company_id})/generalLedgerSetup?$select=localCurrencyCode"
    response = await client.get(path, HEADERS)
    content = good_content(response)
    rows = page_content(response)["value"] if "value" in content else [content]
    return text_of(rows[0], "localCurrencyCode").strip().upper() if rows else ""
