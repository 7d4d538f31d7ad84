"""Under which conditions a run takes place: sizes, settings of the app, and the currencies.

The waits are short and the locks too, so that a run of minutes goes through what takes days in production;
all rules are the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from local.commands import CHAOS_ACCOUNTS, CHAOS_RATE, FULL_KILLS, FULL_OUTAGE, FULL_SIZE
from local.erps.by_target import ERPS
from local.erps.erp import Erp

type Numbering = Literal["given", "assigned"]

HERE = Path(__file__).parent
BROKER_CONFIG = HERE / "Config.json"
HOSTS = 2
FAULTED = 0.2
OUTAGE_CAP = 60

SETTINGS = {
    "SETTLE_SECONDS": "1",
    "TRANSACTION_MARGIN_SECONDS": "2",
    "RETRY_FIRST_SECONDS": "0.5",
    "RETRY_CAP_SECONDS": "3",
    "OPERATOR_RETRY_SECONDS": "4",
    "LONGEST_REQUEST_SECONDS": "6",
    "LEASE_MARGIN_SECONDS": "3",
    "CURRENCY_CACHE_SECONDS": "2",
    "QUEUE_WAIT_SECONDS": "1",
    "BREAKER_FIRST_SECONDS": "1",
    "BREAKER_CAP_SECONDS": "4",
    "BREAKER_LEAST_WAIT_SECONDS": "1",
    "LOAD_QUEUED_PER_PARTITION": "30",  # a load goes on although many changes wait
    "CATCH_UP_MINUTES": "0",  # what is counted are checks that events led to
}


class Currency(NamedTuple):
    """How Sales calls it, its code in the ERP, and the code that the table holds at first ("": no row)."""

    crm: str
    code: str
    at_first: str


CURRENCIES = (
    Currency("US Dollar", "USD", "USD"),
    Currency("Euro", "EUR", "EUR"),
    Currency("Pound Sterling", "GBP", "GBP"),
    Currency("Swiss Franc", "CHF", "CHF"),
    Currency("Danish Krone", "DKK", "SEK"),  # a slip that an ERP takes: corrected during the stream
    Currency("Bhutanese Ngultrum", "BTN", ""),  # mapped during the stream
    Currency("Norwegian Krone", "NOK", ""),  # mapped at the end
    Currency("Turkish Lira", "TRY", "TLR"),  # a slip that no ERP knows: corrected at the end
)
WEIGHTS = (6, 6, 4, 4, 2, 1, 1, 1)
CORRECTED_MEANWHILE = ("Danish Krone", "Bhutanese Ngultrum")
COUNTRIES = {"United States": "US", "Germany": "DE", "France": "FR", "Denmark": "DK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """One run: `rate` in events a second, `outage` in seconds."""

    target: str = "operations"
    events: int = FULL_SIZE
    accounts: int = CHAOS_ACCOUNTS
    seed: int = 1
    numbering: Numbering = "given"
    kills: int = FULL_KILLS
    rate: float = CHAOS_RATE
    outage: float = FULL_OUTAGE

    @property
    def erp(self) -> Erp:
        """The ERP of the target."""
        return ERPS[self.target]

    @property
    def assigned(self) -> bool:
        """Whether the ERP assigns the numbers."""
        return self.numbering == "assigned"

    @property
    def parents(self) -> bool:
        """Whether accounts have parents, whose customers are written with their own."""
        return bool(self.erp.parent)

    @property
    def renames(self) -> bool:
        """Whether people rename customers in the ERP, and give the accounts the new numbers."""
        return self.erp.rename is not None and not self.assigned

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the app. Leases outlive a deadline, so that a short run needs a short one."""
        deadline = {"INVOCATION_DEADLINE_SECONDS": "15" if self.events >= FULL_SIZE else "6"}
        assigned = {**self.erp.assigned_settings, "WRITE_BACK_CUSTOMER_ACCOUNT": "true"}
        return SETTINGS | deadline | (assigned if self.assigned else {})
