"""The faults, a small closed tree named by what happens next.

::

    Fault
    ├─ TransientFault     try again later
    │  └─ QueueUnavailable   ... but the bus itself refuses: the host redelivers
    ├─ MessageRefused     the bus never takes this message: no later attempt helps
    ├─ NotYet             wait until a moment; that is no try
    ├─ AccountFault       park this account with a reason
    │  └─ Refused            ... unless the system refuses other accounts in the same way
    ├─ CustomerNotFound, CustomerAlreadyExists   the writer's own to settle; they never leave it
    ├─ ConfigurationFault      the set-up is wrong: wait for a person, park nothing
    ├─ RejectedEvent      not understandable: keep the body, say why
    └─ StateConflict      another worker wrote the account's state in between

Adapters translate; nobody else sees httpx or azure errors. Anything outside this tree is a bug.
"""

from datetime import datetime
from enum import StrEnum

from shared.model.customer import CustomerKey
from shared.model.outcome import Problem


class System(StrEnum):
    """The outside systems, as they are named in logs, metrics and breakers."""

    DATAVERSE = "dataverse"
    OPERATIONS = "operations"
    TABLES = "tables"
    SERVICE_BUS = "service-bus"


class Fault(Exception):
    """The root; never raised itself."""


class TransientFault(Fault):
    """Try again later.

    `retry_after` in seconds where the system named one. `unknown_outcome`: a write may have been committed,
    or may still be. `about_system` is false where the system itself is well, as after an update conflict.
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
    """The bus is well and will never take this message, for example because it is too large."""


class NotYet(Fault):
    """Nothing may be done before that moment; waiting for it is no try."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.until = until


class AccountFault(Fault):
    """This account's data cannot be written as it is."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Refused(AccountFault):
    """The system refused a request about this account and named none of its own values as the reason.

    That is one row's fault, until the system's probe fails too or other accounts are refused in the same
    `way`: the operation, the status and the system's own code. `remedy` is for the case that all are refused.
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
    """An update or a look by key met no customer."""


class CustomerAlreadyExists(Fault):
    """A create met a customer of the same key."""

    def __init__(self, key: CustomerKey) -> None:
        super().__init__(str(key))
        self.key = key


class ConfigurationFault(Fault):
    """The set-up is wrong: a secret, a role, an address, a company. One bad secret must park no backlog."""

    def __init__(self, system: System, reason: str, remedy: str) -> None:
        super().__init__(f"{system}: {reason} {remedy}".strip())
        self.system = system
        self.reason = reason
        self.remedy = remedy


class RejectedEvent(Fault):
    """A body that cannot be understood. `reason` is stable and short, `description` says what to do."""

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(f"{reason}: {description}")
        self.reason = reason
        self.description = description


class StateConflict(Fault):
    """The row of an account's state is not the one that was read."""

    def __str__(self) -> str:
        """For the log."""
        return "another worker was faster"
