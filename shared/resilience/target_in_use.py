"""Compares the ERP in the settings with the one in which the accounts' customers are.

The first start writes it into the table Control. If the settings name another one later, every change
waits until a person confirms it with `accountsync adopt-target`: a customer of the same number there may be
somebody else's.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.model.control import InUse
from shared.model.faults import ConfigurationFault, System
from shared.ports import Clock, Control, SyncStates

_OF_VERSION_1 = InUse("operations")  # version 1 knew no other ERP, and wrote no row


@dataclass(slots=True)
class TargetInUse:
    """`mine` is the ERP in the settings.

    `confirmed`: it is the one in use, which is asked once in a process. `adopted_at`: when a person confirmed
    it in place of another one.
    """

    control: Control
    states: SyncStates
    clock: Clock
    system: System
    mine: InUse
    confirmed: bool = field(default=False, init=False)
    adopted_at: datetime | None = field(default=None, init=False)

    async def confirm(self) -> None:
        """Compare both, once in a process; the first start writes the ERP down.

        Raises ConfigurationFault for another one.
        """
        if self.confirmed:
            return
        written = await self.control.target_in_use()
        await self._compare(written)
        if written is None:
            await self.control.put_target_in_use(self.mine)
        self.confirmed = True

    async def compare(self) -> None:
        """Raise ConfigurationFault if the settings name another ERP than the one in use. Writes nothing."""
        await self._compare(await self.control.target_in_use())

    async def _compare(self, written: InUse | None) -> None:
        known = written or await self._before_the_first_start()
        if not known.same_as(self.mine):
            raise ConfigurationFault(
                self.system,
                f"is not where the accounts' customers are: {self.mine} is set, {known} was in use.",
                "Set the settings back, or confirm the change with `accountsync adopt-target`.",
            )
        self.adopted_at = known.adopted_at

    async def known(self) -> InUse:
        """Return the ERP in use; before the first start, that of the settings."""
        return await self.control.target_in_use() or await self._before_the_first_start()

    async def _before_the_first_start(self) -> InUse:
        if self.mine.target != _OF_VERSION_1.target and not await self.states.is_empty():
            return _OF_VERSION_1
        return self.mine

    async def adopt(self) -> None:
        """Confirm the ERP in the settings. Every account is then linked anew to a customer there."""
        await self.control.put_target_in_use(replace(self.mine, adopted_at=self.clock.now()))
