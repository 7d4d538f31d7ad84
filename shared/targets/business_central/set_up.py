"""Checks what must be set up in Business Central: companies, their own currency, numbers and the template.

The number series and the configuration templates are on no page of the API v2.0.
"""

from collections.abc import Iterator, Sequence

from shared.model.faults import ConfigurationFault
from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade
from shared.targets.business_central.companies import STANDARD, Companies
from shared.targets.business_central.currencies import ledger_currency
from shared.targets.points import check_companies, companies_of, numbers
from shared.web.odata import ODataClient

_ERP = "Business Central"
_SETTING = "BUSINESS_CENTRAL_LOCAL_CURRENCY"
_PLACE = "Sales & Receivables Setup > Customer Nos."


class BusinessCentralSetUp:
    """Implements the port SetUp; `company` is that of a field map that takes it from a setting."""

    def __init__(
        self,
        client: ODataClient,
        field_map: FieldMap,
        *,
        api_path: str,
        company: str | None,
        local_currency: str | None,
    ) -> None:
        self._client = client
        self._field_map = field_map
        self._own_page = "/" + api_path.strip("/") != STANDARD
        self._companies = companies_of(field_map, company)
        self._local = (local_currency or "").strip().upper()

    async def points(self) -> Sequence[Finding]:
        """Return a finding for each company and its currency, the numbers and the template."""
        ids = await Companies(self._client, self._field_map).all_ids()
        found = [*check_companies(_ERP, self._field_map, self._companies, ids)]
        if self._field_map.has_currency:
            found += [await self._currency(name, ids[name]) for name in self._companies if name in ids]
        return [
            *found,
            numbers(_ERP, self._field_map, _PLACE, "Manual Nos."),
            *self._template(),
        ]

    async def _currency(self, name: str, company_id: str) -> Finding:
        check = f"{_ERP}: local currency of {name}"
        place = "General Ledger Setup > LCY Code"
        try:
            ledger = await ledger_currency(self._client, company_id)
        except ConfigurationFault as fault:
            what = f"The General Ledger Setup could not be read: {fault.reason}"
            return Finding(check, Grade.NOT_CHECKED, what, "", f"Look yourself: {place} must have a code.")
        if ledger:
            return Finding(check, Grade.FINE, f"The ledger names it: {ledger}.")
        if self._local:
            return Finding(check, Grade.FINE, f"The ledger names none; {_SETTING} is {self._local}.")
        why = "Accounts of the company's own currency are refused and parked."
        remedy = f"Fill in {place}, or set {_SETTING} to the code in your currency mapping."
        return Finding(check, Grade.WARNING, "The ledger names no local currency.", why, remedy)

    def _template(self) -> Iterator[Finding]:
        page = "your own page (applied in its OnInsertRecord)" if self._own_page else "page 30009"
        what = "Whether a configuration template gives new customers their posting groups is not readable."
        why = "Nothing can be posted to a customer without posting groups."
        remedy = f"Look at Config. Tmpl. Selection Rules: a row for the table Customer and {page}."
        yield Finding(f"{_ERP}: template of new customers", Grade.NOT_CHECKED, what, why, remedy)
