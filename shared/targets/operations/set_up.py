"""Checks what must be set up in Operations: legal entities, their customer groups, and the numbers.

A legal entity is seen by its customer groups: the entity CustomerGroups shows the groups of all legal
entities that the app's user may read. A group may name a number sequence of its own
(CustomerAccountNumberSequence); whether a sequence takes given numbers is shown nowhere.
"""

from collections.abc import Iterator, Mapping, Sequence

from shared.model.faults import ConfigurationFault
from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade
from shared.targets.operations.errors import JSON_ONLY, page_content
from shared.targets.points import companies_of, numbers, unknown_companies
from shared.web.odata import ODataClient, literal

_ERP = "Operations"
_GROUP = "CustomerGroupId"
_SEQUENCE = "CustomerAccountNumberSequence"
_PLACE = "Accounts receivable > Setup > Accounts receivable parameters > Number sequences, Customer account"
_FORM = "Accounts receivable > Setup > Customer groups"


class OperationsSetUp:
    """Implements the port SetUp. `settings` are the texts of the settings that the field map names."""

    def __init__(self, client: ODataClient, field_map: FieldMap, settings: Mapping[str, str]) -> None:
        self._client = client
        self._field_map = field_map
        self._companies = companies_of(field_map, settings.get(field_map.company.setting or ""))
        entry = field_map.fields.get(_GROUP)
        text = settings.get(entry.setting, "") if entry and entry.setting else entry and entry.constant
        self._group = str(text or "").strip()

    async def points(self) -> Sequence[Finding]:
        """Return a finding for each legal entity, its customer group, and the numbers."""
        found, own = list[Finding](), dict[str, str]()
        for company in self._companies:
            try:
                groups = await self._groups(company)
            except ConfigurationFault as fault:
                found.append(_unread(company, fault))
                continue
            found += self._of_company(company, groups)
            if sequence := groups.get(self._group.upper()):
                own[company] = sequence
        if not self._companies:
            found.append(unknown_companies(_ERP, self._field_map))
        return [*found, *self._numbers(own)]

    async def _groups(self, company: str) -> Mapping[str, str]:
        """Return the customer groups of a legal entity, each with its own number sequence or ""."""
        query = f"cross-company=true&$select={_GROUP},{_SEQUENCE}"
        path = f"/data/CustomerGroups?{query}&$filter=dataAreaId%20eq%20{literal(company)}"
        rows = self._client.rows(path, JSON_ONLY, page_content)
        return {str(row.get(_GROUP)).upper(): str(row.get(_SEQUENCE) or "") async for row in rows}

    def _of_company(self, company: str, groups: Mapping[str, str]) -> Iterator[Finding]:
        check = f"{_ERP}: company {company}"
        if not groups:
            what = f'{_ERP} shows no customer group of the legal entity "{company}".'
            why = "It does not exist, has no customer groups, or the app's user may not see it."
            source = self._field_map.company.setting or "[company] values of the field map"
            remedy = f"Check {source} and the organizations of the user's roles; make the customer groups."
            yield Finding(check, Grade.ERROR, what, why, remedy)
            return
        yield Finding(check, Grade.FINE, "It exists, and has customer groups.")
        if not self._group:
            return
        check = f"{_ERP}: customer group {self._group} in {company}"
        if self._group.upper() in groups:
            yield Finding(check, Grade.FINE, "It exists.")
        else:
            what = f'The legal entity "{company}" has no customer group "{self._group}".'
            remedy = f"Correct the value of {_GROUP} (OPERATIONS_CUSTOMER_GROUP), or make the group: {_FORM}."
            yield Finding(check, Grade.ERROR, what, "Every customer there is refused.", remedy)

    def _numbers(self, own: Mapping[str, str]) -> Iterator[Finding]:
        yield numbers(_ERP, self._field_map, _PLACE, "Manual: Yes")
        for company, sequence in own.items():
            what = f'The customer group "{self._group}" has the number sequence "{sequence}" of its own.'
            why = "It counts for its customers, instead of the one of the parameters."
            remedy = "Look at it in Organization administration > Number sequences in the same way."
            yield Finding(f"{_ERP}: customer numbers in {company}", Grade.NOT_CHECKED, what, why, remedy)


def _unread(company: str, fault: ConfigurationFault) -> Finding:
    what = f"The customer groups could not be read: {fault.reason}"
    remedy = f"Give the app's user read access to customer groups, or look yourself: {_FORM}."
    return Finding(f"{_ERP}: company {company}", Grade.NOT_CHECKED, what, "", remedy)
