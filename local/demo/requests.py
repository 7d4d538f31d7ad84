"""How many requests the app made of each system: all of them, less those that the demonstration made itself.

The simulators count theirs. Azurite prints a line for each; two marks, which are requests of our own that
find nothing, show where counting begins and ends.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from local.demo.errors import DemoError
from local.stand import Stand

DEADLINE_SECONDS = 20.0


@dataclass(slots=True)
class RequestCount:
    """Counting from `start` to `total`; nobody but the app may ask the ERP or the tables in between."""

    stand: Stand
    _began: int = 0

    async def start(self) -> None:
        """Begin at zero."""
        async with httpx.AsyncClient(base_url=self.stand.addresses.control) as control:
            (await control.delete("/requests")).raise_for_status()
        self._began = await self._mark()

    async def total(self, own_of_dataverse: int) -> dict[str, int]:
        """Requests by system; `own_of_dataverse` are those that the users of Sales made meanwhile."""
        async with httpx.AsyncClient(base_url=self.stand.addresses.control, timeout=60) as control:
            counts: dict[str, dict[str, int]] = (await control.get("/requests")).json()["counts"]
        tables, target = await self._mark() - self._began - 1, self.stand.options.erp.target
        return {
            "dataverse": sum(counts.get("dataverse", {}).values()) - own_of_dataverse,
            target: sum(counts.get(target, {}).values()),
            "tables": tables,
        }

    async def _mark(self) -> int:
        """Leave a mark in the log of the tables; how many requests stand there up to it."""
        mark = f"mark-{uuid4()}"
        async with TableServiceClient.from_connection_string(self.stand.addresses.tables) as service:
            with contextlib.suppress(ResourceNotFoundError):
                await service.get_table_client("CurrencyMapping").get_entity("demo", mark)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while (place := _place_of(mark, self.stand.table_log)) is None:  # noqa: ASYNC110 - not ours
                    await asyncio.sleep(0.05)
        except TimeoutError:
            message = f"the log of the tables shows no request; it is {self.stand.table_log}"
            raise DemoError(message) from None
        return place


def _place_of(mark: str, log: Path) -> int | None:
    requests = [line for line in log.read_text(errors="replace").splitlines() if "HTTP/1.1" in line]
    return next((place for place, line in enumerate(requests, 1) if mark in line), None)
