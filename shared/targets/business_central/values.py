"""Values on the wire: what is sent, and what an answer says.

A blank in an enumeration is `_x0020_` on the wire; documents print it as a blank. All forms are read, and the
one on the wire is used. The address is compared with what was sent, because its parts change each other.
"""

import json
from collections.abc import Mapping
from decimal import Decimal

from shared.model.customer import FieldValue
from shared.model.faults import TransientFault
from shared.targets.business_central.capabilities import ADDRESS
from shared.targets.business_central.errors import SYSTEM

BLANK = "_x0020_"
_DIGITS = 40  # a number of Business Central has fewer


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
