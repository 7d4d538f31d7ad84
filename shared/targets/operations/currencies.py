"""The currencies that Operations itself knows."""

from shared.targets.known_codes import KnownCodes
from shared.targets.operations.errors import JSON_ONLY, page_content
from shared.web.odata import ODataClient

_PATH = "/data/Currencies?cross-company=true&$select=CurrencyCode"
PROBE = "/data/Currencies?$select=CurrencyCode&$top=1"  # one cheap request


def currencies_of(client: ODataClient) -> KnownCodes:
    """Return the codes of Operations' own currencies."""

    async def read() -> frozenset[str]:
        rows = client.rows(_PATH, JSON_ONLY, page_content)
        return frozenset([str(row.get("CurrencyCode", "")).upper() async for row in rows]) - {""}

    return KnownCodes(read, client.clock)
