"""Checks what must be set up in NAV: companies, published pages, own currency, numbers and posting groups.

The General Ledger Setup and the number series are on no page that the app needs, so a person looks at them.
"""

from collections.abc import Iterator, Mapping, Sequence

from shared.model.faults import TransientFault
from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade
from shared.targets.nav.companies import Companies
from shared.targets.nav.errors import Meaning, forbidden, read_error
from shared.targets.nav.wire import Protocol, Wire
from shared.targets.points import check_companies, companies_of, numbers
from shared.web.odata import ODataClient

_ERP = "NAV"
_POSTING = frozenset({"Customer_Posting_Group", "Gen_Bus_Posting_Group", "VAT_Bus_Posting_Group"})


class NavSetUp:
    """Implements the port SetUp.

    `services` are the names of the published pages by the settings that hold them; `company` is that of a
    field map that takes it from a setting.
    """

    def __init__(
        self,
        client: ODataClient,
        field_map: FieldMap,
        *,
        services: Mapping[str, str],
        protocol: Protocol,
        company: str | None,
        local_currency: str | None,
    ) -> None:
        self._client = client
        self._field_map = field_map
        self._services = services
        self._wire = Wire(protocol)
        self._companies = companies_of(field_map, company)
        self._local = local_currency

    async def points(self) -> Sequence[Finding]:
        """Return a finding for each company, each published page, and what a person must look at."""
        known = await Companies(self._client, self._wire, self._field_map.company).names()
        found = [*check_companies(_ERP, self._field_map, self._companies, known)]
        for company in self._companies:
            if company in known:
                found += [await self._page(company, *service) for service in self._services.items()]
        place = "Sales & Receivables Setup > Customer Nos."
        found.append(numbers(_ERP, self._field_map, place, "Manual Nos."))
        return [*found, *self._currency(), *self._posting()]

    async def _page(self, company: str, setting: str, service: str) -> Finding:
        """Read one row of the page; whatever is not found here is the page, as the company exists."""
        check = f"{_ERP}: page {service} in {company}"
        response = await self._client.get(f"{self._wire.path(company, service)}?$top=1", self._wire.headers)
        if response.status_code == 200:
            return Finding(check, Grade.FINE, "It is published and can be read.")
        error = read_error(response)
        why = "Without it no account can be written."
        match error.meaning:
            case Meaning.NOT_FOUND:
                what = f'No page is published as "{service}".'
                remedy = f"Publish it in NAV (Web Services) under this name, or check {setting}."
                return Finding(check, Grade.ERROR, what, why, remedy)
            case Meaning.FORBIDDEN:
                fault = forbidden(error.status)
                return Finding(check, Grade.ERROR, f"{_ERP} {fault.reason}", why, fault.remedy)
            case Meaning.NOT_EXECUTED:
                raise TransientFault(self._client.system, f"answered {error.status}")
            case _:
                what = f"{_ERP} answered {error.status} to a read of the page."
                remedy = f"Check {setting}, and open the page in NAV as the app's user."
                return Finding(check, Grade.NOT_CHECKED, what, why, remedy)

    def _currency(self) -> Iterator[Finding]:
        if not self._field_map.has_currency:
            return
        check = f"{_ERP}: local currency"
        why = "NAV stores the company's own currency as a blank; sent as a code, it may be refused."
        remedy = "Compare it with General Ledger Setup > LCY Code."
        what = f"NAV_LOCAL_CURRENCY is {self._local}." if self._local else "NAV_LOCAL_CURRENCY is not set."
        yield Finding(check, Grade.NOT_CHECKED, what, why, remedy)

    def _posting(self) -> Iterator[Finding]:
        if not _POSTING & self._field_map.names:
            what = "The field map sends no posting groups."
            why = "Nothing can be posted to a customer without posting groups."
            remedy = "Add them to the field map, or make sure that NAV gives them to new customers."
            yield Finding(f"{_ERP}: posting groups", Grade.NOT_CHECKED, what, why, remedy)
