"""Reads the times in HTTP headers."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_LONGEST_RETRY_AFTER = 86_400.0


def retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds of the header Retry-After, which may be a date (RFC 9110, 10.2.3); at most a day."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), _LONGEST_RETRY_AFTER)
    moment = http_date(text)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_RETRY_AFTER) if moment else None


def http_date(text: str) -> datetime | None:
    """Read a date of an HTTP header, in UTC."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
