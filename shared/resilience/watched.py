"""The ports to Sales and the ERP, watched: every call tells its breaker how it ended.

The ERP is asked by at most `limit` calls of one process at a time, besides what the partitions allow.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.model.account import Account
from shared.model.capabilities import Capabilities
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.faults import ConfigurationFault, Fault, System, TransientFault
from shared.ports import AccountReader, Target
from shared.resilience.circuit_breaker import Breakers


class Watch:
    """Passes a call on and notes its end."""

    def __init__(self, system: System, breakers: Breakers, limit: int | None = None) -> None:
        self._system = system
        self._breakers = breakers
        self._slots = asyncio.Semaphore(limit) if limit else None

    async def __call__[T](self, operation: str, call: Awaitable[T]) -> T:
        """The call's result; the operation is named as in the adapters' refusals."""
        if self._slots is None:
            return await self._noted(operation, call)
        async with self._slots:
            return await self._noted(operation, call)

    async def _noted[T](self, operation: str, call: Awaitable[T]) -> T:
        try:
            result = await call
        except (TransientFault, ConfigurationFault) as fault:
            await self._breakers.failed(self._system, fault)
            raise
        except Fault:
            self._breakers.answered(self._system)
            raise
        self._breakers.succeeded(self._system, operation)
        return result


@dataclass(frozen=True, slots=True)
class WatchedReader:
    """Implements AccountReader."""

    reader: AccountReader
    watch: Watch

    async def read(self, account_id: UUID) -> Account | None:
        """The account as it stands now."""
        return await self.watch("read", self.reader.read(account_id))

    async def write_back(self, account_id: UUID, column: str, number: str) -> None:
        """Write the number that the ERP assigned into the account."""
        await self.watch("write-back", self.reader.write_back(account_id, column, number))


@dataclass(frozen=True, slots=True)
class WatchedTarget:
    """Implements Target."""

    target: Target
    watch: Watch

    @property
    def capabilities(self) -> Capabilities:
        """What this ERP is and does."""
        return self.target.capabilities

    async def find(self, key: CustomerKey) -> Customer | None:
        """The customer with its mapped fields."""
        return await self.watch("find", self.target.find(key))

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Create; the key as the ERP keeps it."""
        return await self.watch("create", self.target.create(key, fields))

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """Change these fields."""
        return await self.watch("update", self.target.update(key, fields))

    async def knows_currency(self, code: str) -> bool:
        """Whether the code is one of the ERP's own currencies."""
        return await self.watch("currencies", self.target.knows_currency(code))

    async def probe(self) -> None:
        """Make one cheap request; its breaker asks for it, and notes its end itself."""
        await self.target.probe()
