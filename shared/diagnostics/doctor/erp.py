"""The ERP: that it is the one in use, can be reached, and lets the app read customers and currencies."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.doctor import all_attempted, attempted
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, ConfigurationFault
from shared.model.finding import Finding
from shared.ports import Target

_NOBODY = "ACCOUNTSYNC-DOCTOR"  # a number that no customer has; the answer "not there" is all that is wanted
_NO_CURRENCY = "ZZZ"


@dataclass(frozen=True, slots=True)
class ErpCheck:
    """Reads of the ERP what each change reads. `company` is that of the settings, "" where accounts name it.

    `in_use` raises ConfigurationFault if the settings name another ERP than the accounts' customers are in.
    """

    target: Target
    company: str
    in_use: Callable[[], Awaitable[None]]

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each."""
        erp = self.target.capabilities.name
        attempts = [
            ("ERP in use", self._in_use()),
            (f"reaching {erp}", self._reached()),
            (f"currencies of {erp}", self._currencies()),
        ]
        if self.company:
            attempts.append((f"customers of {erp}", self._customers()))
        return await all_attempted(*attempts)

    async def _in_use(self) -> Finding:
        why = "Every change waits until this is decided."
        fine = "The settings name the ERP that the accounts' customers are in."
        return await attempted("ERP in use", self.in_use(), fine=fine, why=why)

    async def _reached(self) -> Finding:
        erp = self.target.capabilities.name
        why = "Nothing can be written there; changes wait."
        return await attempted(f"reaching {erp}", self.target.probe(), fine="It answers.", why=why)

    async def _currencies(self) -> Finding:
        erp = self.target.capabilities.name
        why = "A mapped currency cannot be compared with the ERP's own; changes wait."
        request = self.target.knows_currency(_NO_CURRENCY)
        return await attempted(f"currencies of {erp}", request, fine="They can be read.", why=why)

    async def _customers(self) -> Finding:
        erp = self.target.capabilities.name
        why = "No customer can be compared or written; changes wait."
        return await attempted(f"customers of {erp}", self._find(), fine="They can be read.", why=why)

    async def _find(self) -> None:
        """Look for a customer that is not there. The field map's fields are read with it."""
        try:
            await self.target.find(CustomerKey(self.company, _NOBODY))
        except AccountFault as fault:
            reason, remedy = f"refuses to read customers ({fault.problem}).", fault.problem.remedy()
            raise ConfigurationFault(self.target.capabilities.system, reason, remedy) from fault
