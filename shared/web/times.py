"""Reads the time of a service from the header Date, which every answer has (RFC 9110, 6.6.1)."""

from datetime import datetime

import httpx

from shared.model.faults import TransientFault
from shared.web.dates import http_date
from shared.web.odata import ODataClient


async def time_of(client: ODataClient) -> datetime | None:
    """Return the time by the service's clock. No token is sent: an answer that refuses has the header too.

    Raises TransientFault.
    """
    try:
        answer = await client.http.head("", follow_redirects=False)
    except httpx.HTTPError as error:
        raise TransientFault(client.system, f"no answer ({type(error).__name__})") from error
    return http_date(answer.headers.get("date", ""))
