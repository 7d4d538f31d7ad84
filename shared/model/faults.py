"""The faults, a small closed tree named by what happens next.

::

    Fault
    ├─ TransientFault     make another attempt later
    │  └─ QueueUnavailable   ... but the bus itself refuses: the host redelivers
    ├─ MessageRefused     the bus never takes this message: no later attempt helps
    ├─ NotYet             wait until a time; this is no attempt
    ├─ AccountFault       park this account with a reason
    │  ├─ ParentMissing      ... and check the accounts that it waits for
    │  └─ Refused            ... unless the system refuses other accounts in the same way
    ├─ CustomerNotFound, CustomerAlreadyExists   handled inside `Execute`; no caller sees them
    ├─ ConfigurationFault      the configuration is wrong: wait for a person, park nothing
    ├─ ConditionRefused   Sales does not take the condition of a load: a person must correct it
    │  └─ NotPermitted       ... because a right is missing
    ├─ RejectedEvent      the body cannot be understood: keep it, say why
    └─ StateConflict      another worker changed the account's state in between

Adapters translate the errors of httpx and azure into these faults. Any other exception is a bug.
"""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from shared.model.outcome import Problem

if TYPE_CHECKING:
    from shared.model.customer import CustomerKey


class System(StrEnum):
    """The outside systems, as they are named in logs, metrics and breakers."""

    DATAVERSE = "dataverse"
    OPERATIONS = "operations"
    BUSINESS_CENTRAL = "business-central"
    NAV = "nav"
    TABLES = "tables"
    SERVICE_BUS = "service-bus"


class Fault(Exception):
    """The root; never raised itself."""


class TransientFault(Fault):
    """Make another attempt later.

    `retry_after`: the seconds that the system asked for, if any. `unknown_outcome`: a write may have been
    committed, or may still be. `about_system` is false if the system works, as after an update conflict.
    """

    def __init__(
        self,
        system: System,
        reason: str,
        *,
        retry_after: float | None = None,
        unknown_outcome: bool = False,
        about_system: bool = True,
    ) -> None:
        super().__init__(f"{system}: {reason}")
        self.system = system
        self.reason = reason
        self.retry_after = retry_after
        self.unknown_outcome = unknown_outcome
        self.about_system = about_system


class QueueUnavailable(TransientFault):
    """The bus refuses to take a message."""

    def __init__(self, reason: str) -> None:
        super().__init__(System.SERVICE_BUS, reason)


class MessageRefused(Fault):
    """The bus works but will never take this message, for example because it is too large."""


class NotYet(Fault):
    """Nothing may be done before that time. Waiting does not count as an attempt."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.until = until


class AccountFault(Fault):
    """This account's data cannot be written as it is."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class ParentMissing(AccountFault):
    """An account that this one refers to has no customer. `unchecked` are the accounts to check for that."""

    def __init__(self, problem: Problem, unchecked: tuple[UUID, ...] = ()) -> None:
        super().__init__(problem)
        self.unchecked = unchecked


class Refused(AccountFault):
    """The system refused a request about this account, but not because of a value that it named.

    It counts as this account's fault, unless the system's probe fails too or other accounts are refused in
    the same `way`: kind of request, status and the system's code. `remedy` is for the case that all are
    refused.
    """

    def __init__(self, system: System, operation: str, problem: Problem, remedy: str) -> None:
        super().__init__(problem)
        self.system = system
        self.operation = operation
        self.way = " ".join((operation, str(problem.status), problem.error_type)).strip()
        self.remedy = remedy

    def __str__(self) -> str:
        """For the log."""
        return f"{self.system}: refused to {self.way}"


class CustomerNotFound(Fault):
    """The ERP has no customer under the key of an update or a read."""


class CustomerAlreadyExists(Fault):
    """The ERP already has a customer under the key of a creation."""

    def __init__(self, key: "CustomerKey") -> None:
        super().__init__(str(key))
        self.key = key


class ConfigurationFault(Fault):
    """The configuration is wrong: a secret, a role, an address, a company. No account is parked for it."""

    def __init__(self, system: System, reason: str, remedy: str) -> None:
        super().__init__(f"{system}: {reason} {remedy}".strip())
        self.system = system
        self.reason = reason
        self.remedy = remedy


class ConditionRefused(Fault):
    """Sales does not take the condition that chooses the accounts of a load. `said`: its words, bounded."""

    def __init__(self, said: str) -> None:
        super().__init__(f"Sales refuses the condition: {said}")


class NotPermitted(ConfigurationFault):
    """The system refuses the request because a right is missing (403)."""


class RejectedEvent(Fault):
    """An event with an unreadable body. `reason` is a fixed short text, `description` says what to do."""

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(f"{reason}: {description}")
        self.reason = reason
        self.description = description


class StateConflict(Fault):
    """Another worker changed the row of the account's state since it was read."""

    def __str__(self) -> str:
        """For the log."""
        return "another worker was faster"
