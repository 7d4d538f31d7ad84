"""Operations as an ERP of the simulators: its parts, the kinds of its rows, and its settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.erp import any_number
from local.dynamics.metadata import Planted
from local.dynamics.operations import metadata
from local.dynamics.operations.entities import environment_entities
from local.dynamics.operations.environment import PAYMENT_TERMS, Environment
from local.dynamics.operations.queries import show
from local.dynamics.operations.rules import Rules
from local.dynamics.operations.service import PREFIX, Operations
from local.dynamics.operations.store import Records

GROUP = {"dataAreaId": "usmf", "CustomerGroupId": "10", "Description": "Wholesale"}  # from the beginning
SETS = {
    "currencies": "Currencies",
    "groups": "CustomerGroups",
    "payment_terms": "PaymentTerms",
    "customers": "CustomersV3",
}


class Sequence(BaseModel):
    """A company's customer account sequence; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    prefix: str | None = None
    digits: int | None = Field(default=None, ge=1, le=20)
    next: int | None = Field(default=None, ge=0)
    manual: bool | None = None


class CompanyChange(BaseModel):
    """What can change about a legal entity."""

    model_config = ConfigDict(extra="forbid")

    number_sequence: Sequence


class OperationsState(BaseModel):
    """Rows to write, in the form of their data entity."""

    model_config = ConfigDict(extra="forbid")

    currencies: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    groups: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    payment_terms: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    customers: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


class OperationsSettings(BaseModel):
    """The settings of Operations; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    duplicate_status: int | None = Field(default=None, ge=400, le=599)
    page_size: int | None = Field(default=None, ge=1, le=10_000)
    companies: dict[str, CompanyChange] | None = None


class SimulatedOperations:
    """One environment with its data."""

    name = "operations"
    prefixes = (PREFIX, metadata.PREFIX)
    path = ""
    place = staticmethod(any_number)

    def __init__(self) -> None:
        self.environment = Environment()
        self.records = Records()
        self.service = Operations(Rules(environment_entities(), self.records, self.environment))
        self.seed({"groups": [GROUP], "payment_terms": self._terms()})

    @property
    def planted(self) -> Planted:
        """The faults of its metadata."""
        return self.service.planted

    def authorization(self, token: str) -> str:
        """A bearer token."""
        return f"Bearer {token}"

    def seed(self, rows: object) -> None:
        """Write rows of the data entities, over those that are there; raise `ValueError`."""
        change = OperationsState.model_validate(rows)
        for kind, entity_set in SETS.items():
            for row in getattr(change, kind):
                self._put(entity_set, row)

    def state(self) -> dict[str, Any]:
        """Return the rows of the data entities."""
        entities = self.service.rules.entities
        return {
            kind: [show(entities[entity_set], row, None) for row in self.records.rows(entity_set).values()]
            for kind, entity_set in SETS.items()
        }

    def reset(self) -> None:
        """Empty the data entities, but for the terms of payment that each company has from the beginning."""
        for entity_set in SETS.values():
            self.records.clear(entity_set)
        self.seed({"payment_terms": self._terms()})

    def _terms(self) -> list[dict[str, Any]]:
        companies = self.environment.companies
        return [{"dataAreaId": company, "Name": name} for company in companies for name in PAYMENT_TERMS]

    def change(self, settings: object) -> None:
        """Put settings into effect; raise `ValueError`."""
        change, environment = OperationsSettings.model_validate(settings), self.environment
        for code, company in (change.companies or {}).items():
            numbers = environment.companies[code].numbers
            for name, value in company.number_sequence.model_dump(exclude_none=True).items():
                setattr(numbers, name, value)
        environment.duplicate_status = change.duplicate_status or environment.duplicate_status
        environment.page_size = change.page_size or environment.page_size

    def _put(self, entity_set: str, row: dict[str, Any]) -> None:
        entity = self.service.rules.entities[entity_set]
        unknown = set(row) - set(entity.properties)
        if unknown:
            raise ValueError(f"{entity_set} has no properties {sorted(unknown)}.")
        values = {name: item.empty for name, item in entity.properties.items()} | row
        before = self.records.find(entity, values)
        if before is None:
            self.records.insert(entity, values)
        else:
            self.records.replace(entity, before, values)
