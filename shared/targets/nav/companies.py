"""The companies that NAV has, and what it means that an address was not found.

NAV answers 404 for a company, a page and a row alike, and over V3 without a code. So what is missing is
found out by reading: the default web service `Company` lists the companies
(learn.microsoft.com/previous-versions/ dynamicsnav-2016-developer, "OData Web Services").
"""

from shared.model.faults import AccountFault, ConfigurationFault, Fault, System, TransientFault
from shared.model.map_sections import Company
from shared.model.outcome import Cause, Problem
from shared.targets.nav.errors import Meaning, forbidden, list_of_rows, read_error
from shared.targets.nav.wire import Wire
from shared.web.odata import ODataClient


class Companies:
    """The companies of one NAV; `company` is the field map's entry for it."""

    def __init__(self, client: ODataClient, wire: Wire, company: Company) -> None:
        self._client = client
        self._wire = wire
        self._company = company

    async def names(self) -> frozenset[str]:
        """Return the names of all companies, read now: one cheap request. Raises ConfigurationFault."""
        response = await self._client.get(f"{self._wire.root}/Company", self._wire.headers)
        if response.status_code != 200:
            raise self._no_service(response.status_code, read_error(response).meaning)
        return frozenset(str(row.get("Name")) for row in list_of_rows(response))

    async def missing(self, company: str, setting: str) -> Fault:
        """Return the fault of a page that was not found; `setting` holds the name of the page's service."""
        if company not in await self.names():
            return self._no_company()
        reason = f"has no web service of the name in {setting} in this company."
        remedy = f"Publish the page in NAV (Web Services) under this name, or check {setting}."
        return ConfigurationFault(System.NAV, reason, remedy)

    def _no_company(self) -> Fault:
        if self._company.setting is None:
            return AccountFault(Problem(Cause.REFUSED, field=self._company.field, status=404))
        setting = self._company.setting
        remedy = f"Check {setting}: the name of the company as NAV has it, upper and lower case included."
        return ConfigurationFault(System.NAV, f"has no company of the name in {setting}.", remedy)

    def _no_service(self, status: int, meaning: Meaning) -> Fault:
        if meaning is Meaning.FORBIDDEN:
            return forbidden(status)
        if meaning is Meaning.NOT_EXECUTED:
            return TransientFault(System.NAV, f"answered {status}")
        remedy = "Check NAV_URL, NAV_PROTOCOL, and that OData services are enabled on the server instance."
        return ConfigurationFault(System.NAV, f"answered {status} to a read of its companies.", remedy)
