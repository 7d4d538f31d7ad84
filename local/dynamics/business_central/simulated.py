"""Business Central as an ERP of the simulators: its service, its queue, its data."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from local.dynamics.business_central import seed
from local.dynamics.business_central.environment import Environment
from local.dynamics.business_central.errors import BusinessCentralError
from local.dynamics.business_central.queue import RequestQueue
from local.dynamics.business_central.service import PREFIX, BusinessCentral
from local.dynamics.calls import Answer, Call
from local.dynamics.metadata import Planted


class SimulatedBusinessCentral:
    """One environment, and the queue before it."""

    name = "business-central"
    prefixes = (PREFIX,)

    def __init__(self) -> None:
        self.service = BusinessCentral()
        self.queue = RequestQueue()

    @property
    def planted(self) -> Planted:
        """The faults of its metadata."""
        return self.service.planted

    @property
    def path(self) -> str:
        """The path of the environment."""
        return self.service.path

    @property
    def environment(self) -> Environment:
        """What is set up; another one after a reset."""
        return self.service.environment

    def place(self, call: Call) -> AbstractAsyncContextManager[Answer | None]:
        """A place among those that the identity has."""
        return self.queue.place(call)

    def authorization(self, token: str) -> str:
        """A bearer token."""
        return f"Bearer {token}"

    def seed(self, rows: object) -> None:
        """Write rows and settings; raise `ValueError`."""
        try:
            seed.apply(self.service, seed.BusinessCentralChange.model_validate(rows))
        except BusinessCentralError as error:
            raise ValueError(str(error)) from error

    def state(self) -> dict[str, Any]:
        """Return all rows, and how many requests of each identity were there at a time."""
        return {**seed.rows(self.service), "most_parallel_requests": dict(self.queue.most)}

    def reset(self) -> None:
        """Everything as at the start."""
        self.service.reset()
        self.queue.forget()

    def change(self, settings: object) -> None:
        """Put settings into effect; raise `ValueError`."""
        self.seed(settings)
