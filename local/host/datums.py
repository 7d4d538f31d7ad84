"""Values typed as the .NET host sends them: text as string, everything else as JSON; dates as it prints them.

Source: GrpcMessageConversionExtensions in azure-functions-host.
"""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from azure_functions_runtime.bindings.datumdef import Datum


def text(value: str) -> Datum:
    """A string."""
    return Datum(value, "string")


def as_json(value: Any) -> Datum:
    """Anything that is neither a string nor bytes nor a double."""
    return Datum(json.dumps(value, default=_plain), "json")


def naive(moment: datetime) -> str:
    """A .NET DateTime as JSON: UTC without a zone, no trailing zeros; the app reads a naive datetime."""
    return _trimmed(moment.astimezone(UTC).replace(tzinfo=None).isoformat())


def with_offset(moment: datetime) -> str:
    """A .NET DateTimeOffset as JSON, always with its offset."""
    return naive(moment) + "+00:00"


def _trimmed(moment: str) -> str:
    return moment.rstrip("0") if "." in moment else moment


def _plain(value: object) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return naive(value if value.tzinfo else value.replace(tzinfo=UTC)) + "Z"
        case uuid.UUID():
            return str(value)
        case Decimal():
            return float(value)
        case timedelta():
            return str(value)
        case _:
            raise TypeError(f"a {type(value).__name__} has no JSON form")
