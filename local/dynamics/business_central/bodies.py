"""Bodies of POST and PATCH: bytes enter, checked values by property leave.

An unknown property, a property that no client may write, a value of another type and a text over the length
of its field raise a BusinessCentralError. The order of the body is kept.
"""

import json
from typing import Any
from uuid import UUID

from local.dynamics.business_central import errors
from local.dynamics.business_central.entities import BLANK
from local.dynamics.business_central.schema import Entity, Property


def read_body(entity: Entity, body: bytes) -> dict[str, Any]:
    """The properties that were sent, in the form in which they are stored."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.bad_request("Invalid Request Body") from error
    if not isinstance(sent, dict):
        raise errors.bad_request("Invalid Request Body")
    return {name: _checked(entity, name, value) for name, value in sent.items() if "@" not in name}


def _checked(entity: Entity, name: str, value: object) -> Any:
    item = entity.properties.get(name)
    if item is None:
        raise errors.unknown_property(name, entity.type_name)
    if not item.editable:
        raise errors.read_only(name)
    return stored(item, value)


def stored(item: Property, value: object) -> Any:
    """One value as it is stored."""
    if value is None:
        return item.empty
    match item.kind:
        case "Text" | "Code":
            return _text(item, value)
        case "Enum":
            return _member(item, value)
        case "Guid":
            return _guid(value)
        case "Boolean" if isinstance(value, bool):
            return value
        case "Decimal" if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case _:
            raise errors.bad_request(f"Unable to convert value to {item.kind}.")


def _text(item: Property, value: object) -> str:
    if not isinstance(value, str):
        raise errors.bad_request("Cannot convert the literal to the expected type 'Edm.String'.")
    kept = value.strip().upper() if item.kind == "Code" else value
    if item.max_length is not None and len(kept.encode("utf-16-le", "surrogatepass")) // 2 > item.max_length:
        raise errors.too_long(kept, item.max_length)
    return kept


def _member(item: Property, value: object) -> str:
    if isinstance(value, str) and BLANK in item.values and not value.strip():
        return BLANK
    if not isinstance(value, str) or value not in item.values:
        raise errors.bad_request("Cannot convert the literal to the expected enumeration type.")
    return value


def _guid(value: object) -> str:
    try:
        return str(UUID(value)) if isinstance(value, str) else str(UUID(int=-1))
    except ValueError as error:
        raise errors.bad_request("Cannot convert the literal to the expected type 'Edm.Guid'.") from error
