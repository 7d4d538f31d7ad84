"""Values on the wire: what is sent, and what an answer says.

A blank in an enumeration is `_x0020_` on the wire; documents print it as a blank. All forms are read, and the
one on the wire is used. The address is compared with what was sent, because its parts change each other.
"""

import json
from collections.abc import Mapping
from decimal import Decimal

from shared.model.customer import FieldValue
from shared.model.faults import TransientFault
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY
from shared.targets.business_central.capabilities import ADDRESS
from shared.targets.business_central.companies import Companies
from shared.targets.business_central.currencies import BusinessCentralCurrencies
from shared.targets.business_central.errors import SYSTEM
from shared.targets.business_central.references import References
from shared.web.odata import ODataClient

BLANK = "_x0020_"
_DIGITS = 40  # a number of Business Central has fewer


class Values:
    """A customer's values as they are sent and read: currencies, and codes that stand for ids.

    `company` is that of a field map that takes it from a setting; it decides whose codes count.
    """

    def __init__(
        self,
        client: ODataClient,
        companies: Companies,
        field_map: FieldMap,
        company: str | None,
        local_currency: str,
    ) -> None:
        self.names = (*sorted(field_map.names), field_map.hold.field)
        self._hold = field_map.hold.field
        self._local = local_currency
        self._of_currency = {name for name, entry in field_map.fields.items() if entry.via == CURRENCY}
        count = [company] if company else [*field_map.company.values.values()]
        self.currencies = BusinessCentralCurrencies(client, companies, count, local_currency)
        self.references = References(client, companies, self.names, self.currencies.company_ids)

    async def to_send(self, company: str, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Return the values to send. Raises AccountFault for a code that the company does not have."""
        sent = await self.currencies.to_send(company, fields, self._of_currency)
        return await self.references.to_send(company, sent)

    def read(self, company: str, row: Mapping[str, object]) -> dict[str, FieldValue]:
        """Return the values of a record; `references` must be prepared for the company."""
        found = {name: read_value(name, row[name]) for name in self.names if row.get(name) is not None}
        if self._hold in found:
            found[self._hold] = enumerated(found[self._hold])
        blank = {name for name in self._of_currency & found.keys() if not str(found[name]).strip()}
        return self.references.read(company, {**found, **dict.fromkeys(blank, self._local)})


def is_pattern(text: str) -> bool:
    """Whether a filter takes the text for a pattern."""
    return "*" in text or "?" in text


def encode(fields: Mapping[str, FieldValue]) -> bytes:
    """Return the body of a request. The order of the fields is kept: they are validated one by one."""
    return json.dumps({name: _plain(value) for name, value in fields.items()}, ensure_ascii=False).encode()


def _plain(value: FieldValue) -> str | int | float:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == int(value) else float(value)


def read_value(name: str, value: object) -> FieldValue:
    """Return a value of an answer. Raises TransientFault for one of another form."""
    vast = isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= _DIGITS)
    if vast or not isinstance(value, str | int | Decimal):
        raise TransientFault(SYSTEM, f"answered {name} in another form")
    return value


def enumerated(value: FieldValue) -> FieldValue:
    """Return the blank of an enumeration in its form on the wire, and any other value as it is."""
    return BLANK if isinstance(value, str) and not value.strip() else value


def lost_parts(sent: Mapping[str, FieldValue], answered: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """Return the parts of an address that were sent and are blank now, to be sent again without the country.

    A change of the country clears post code, city and state. In which order the fields of one body are
    validated is not documented; the country is sent first, but it may have been validated last. A post code
    that Business Central knows sets the city, and is left as it is.
    """
    if answered.get("city", ""):
        return {}
    return {
        name: sent[name]
        for name in ADDRESS
        if name != "country" and sent.get(name, "") and not answered.get(name, sent[name])
    }
