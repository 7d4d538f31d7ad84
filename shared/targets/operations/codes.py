"""The codes that Operations itself has for fields of customers, beside currencies.

A list that this user may not read, or that the environment does not have, checks nothing: the write does.
"""

from collections.abc import Awaitable, Callable, Mapping

from shared.model.faults import ConfigurationFault
from shared.targets.known_codes import KnownCodes
from shared.targets.operations.errors import JSON_ONLY, page_content
from shared.web.odata import ODataClient

_LISTS: Mapping[str, tuple[str, str]] = {  # field of CustomersV3 -> entity set, and its property
    "CustomerGroupId": ("CustomerGroups", "CustomerGroupId"),
    "PaymentTerms": ("PaymentTerms", "Name"),
}


class OperationsCodes:
    """The lists of one environment, of all legal entities together."""

    def __init__(self, client: ODataClient) -> None:
        self._known = {
            field: KnownCodes(_reading(client, *place), client.clock) for field, place in _LISTS.items()
        }

    async def contain(self, field: str, code: str) -> bool | None:
        """Whether the code is one of the field's; None if there is no list to be read."""
        if field not in self._known:
            return None
        try:
            return await self._known[field].contain(code)
        except ConfigurationFault:
            return None


def _reading(client: ODataClient, entity_set: str, name: str) -> Callable[[], Awaitable[frozenset[str]]]:
    async def read() -> frozenset[str]:
        path = f"/data/{entity_set}?cross-company=true&$select={name}"
        rows = client.rows(path, JSON_ONLY, page_content)
        return frozenset([str(row.get(name, "")).strip().upper() async for row in rows]) - {""}

    return read
