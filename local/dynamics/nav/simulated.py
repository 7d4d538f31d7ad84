"""NAV as an ERP of the simulators: its service, its user and its data."""

from base64 import b64encode
from typing import Any

from local.dynamics.erp import any_number
from local.dynamics.metadata import Planted
from local.dynamics.nav import state
from local.dynamics.nav.environment import Environment
from local.dynamics.nav.service import INSTANCE, Nav

USER = "ACCOUNTSYNC"  # its web service access key is the token


class SimulatedNav:
    """One server instance."""

    name = "nav"
    prefixes = (INSTANCE,)
    path = INSTANCE
    place = staticmethod(any_number)

    def __init__(self) -> None:
        self.service = Nav()

    @property
    def planted(self) -> Planted:
        """The faults of its metadata."""
        return self.service.planted

    @property
    def environment(self) -> Environment:
        """What is set up; it may be replaced as a whole."""
        return self.service.environment

    @environment.setter
    def environment(self, environment: Environment) -> None:
        self.service.environment = environment

    def authorization(self, token: str) -> str:
        """The user with the web service access key."""
        return f"Basic {b64encode(f'{USER}:{token}'.encode()).decode()}"

    def seed(self, rows: object) -> None:
        """Write rows; raise `ValueError`."""
        state.apply_nav_state(self.service, state.NavState.model_validate(rows))

    def state(self) -> dict[str, Any]:
        """Return all rows, each with its company, as V4 shows them."""
        rows = state.read_nav_state(self.service)
        blank = self.environment.blank
        shown = [row | {"Blocked": row["Blocked"] or blank} for row in rows["customers"]]
        return {**rows, "customers": shown}

    def reset(self) -> None:
        """Empty all tables."""
        state.reset(self.service)

    def change(self, settings: object) -> None:
        """Put knobs into effect; raise `ValueError`."""
        state.apply_nav_settings(self.service, state.NavSettings.model_validate(settings))
