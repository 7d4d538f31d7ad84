"""The Sales environment: what the app may read there, who it is there, and what has to be switched on."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.diagnostics.doctor.doctor import all_attempted, attempted
from shared.model.finding import Finding, Grade
from shared.ports import Probe
from shared.ports.doctor import Organization
from shared.ports.mappings import OptionLabels

_ACCOUNTS, _CURRENCIES = "reading accounts in Sales", "reading currencies in Sales"
_ORGANIZATION, _USER = "organization id", "integration user"
_TRACKING, _COLUMN = "change tracking", "write-back column"


@dataclass(frozen=True, slots=True)
class ReadingCheck:
    """Reads one account and the currencies."""

    accounts: Probe
    currencies: Callable[[], Awaitable[object]]

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each of both."""
        return await all_attempted((_ACCOUNTS, self._accounts()), (_CURRENCIES, self._currencies()))

    async def _accounts(self) -> Finding:
        why = "No account can be checked."
        right = (
            "Make the app's user in Sales, if there is none, and give it a role that may read accounts in "
            "the organization."
        )
        return await attempted(_ACCOUNTS, self.accounts(), fine="It is allowed.", why=why, right=right)

    async def _currencies(self) -> Finding:
        why = "An account is read with its currency: none can be checked."
        right = "Give the app's user in Sales a role that may read currencies in the organization."
        return await attempted(_CURRENCIES, self.currencies(), fine="It is allowed.", why=why, right=right)


@dataclass(frozen=True, slots=True)
class LookUpsCheck:
    """Reads one account with the row that each look-up of the field map refers to."""

    look_ups: Mapping[str, Probe]

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each look-up."""
        return await all_attempted(*((_look_up(column), self._read(column)) for column in self.look_ups))

    async def _read(self, column: str) -> Finding:
        why = "An account is read with this row: none can be checked."
        right = (
            f"Give the app's user in Sales a role that may read the table that {column} refers to, in the "
            "organization."
        )
        probe = self.look_ups[column]()
        return await attempted(_look_up(column), probe, fine="It is allowed.", why=why, right=right)


def _look_up(column: str) -> str:
    return f"reading {column} in Sales"


@dataclass(frozen=True, slots=True)
class LabelsCheck:
    """Reads the labels of the columns of choices from which the field map takes them."""

    labels: OptionLabels
    columns: Collection[str]

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each column."""
        return await all_attempted(*((_labels(column), self._read(column)) for column in self.columns))

    async def _read(self, column: str) -> Finding:
        why = "Accounts with a value there wait until their labels can be read."
        read = self.labels.of(column, fresh=True)
        return await attempted(_labels(column), read, fine="They can be read.", why=why)


def _labels(column: str) -> str:
    return f"labels of {column} in Sales"


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """Compares who the app is in Sales, and where, with the settings.

    `user_id` is the setting INTEGRATION_USER_ID; `as_app` is false where a person makes the check.
    """

    organization: Organization
    organization_id: UUID | None
    user_id: UUID | None
    as_app: bool = True

    async def check(self) -> Sequence[Finding]:
        """Return a finding for the organization and, for the app, one for its user."""
        who = await self.organization.who()
        found = [self._organization(who.organization_id)]
        return [*found, self._user(who.user_id)] if self.as_app else found

    def _organization(self, found: UUID) -> Finding:
        remedy = f"Set DATAVERSE_ORGANIZATION_ID to {found}, or correct DATAVERSE_URL."
        if self.organization_id is None:
            what, why = "DATAVERSE_ORGANIZATION_ID is not set.", "In Azure the app does not start without it."
            return Finding(_ORGANIZATION, Grade.WARNING, what, why, remedy)
        if self.organization_id != found:
            what = f"DATAVERSE_ORGANIZATION_ID is {self.organization_id}, and Sales says {found}."
            return Finding(_ORGANIZATION, Grade.ERROR, what, "The app rejects every event.", remedy)
        return Finding(_ORGANIZATION, Grade.FINE, "The setting is the id that Sales says.")

    def _user(self, found: UUID) -> Finding:
        if self.user_id is None:
            return Finding(_USER, Grade.FINE, f"The app is {found} in Sales; INTEGRATION_USER_ID is not set.")
        if self.user_id != found:
            what = f"INTEGRATION_USER_ID is {self.user_id}, and the app is {found} in Sales."
            why = "Changes by that user are filtered, and the app's own write-backs are not."
            remedy = f"Set INTEGRATION_USER_ID to {found}."
            return Finding(_USER, Grade.ERROR, what, why, remedy)
        return Finding(_USER, Grade.FINE, "INTEGRATION_USER_ID is the app's own user.")


@dataclass(frozen=True, slots=True)
class ChangeTrackingCheck:
    """Whether change tracking is on for accounts."""

    organization: Organization

    async def check(self) -> Sequence[Finding]:
        """Return one finding."""
        why = "Catch-up walks by the time of the last change, and finds no deleted accounts."
        remedy = (
            "Switch Track changes on in the properties of the table Account (Power Apps, Tables, Account)."
        )
        match await self.organization.tracks_changes():
            case True:
                return [Finding(_TRACKING, Grade.FINE, "It is on for accounts.")]
            case False:
                return [Finding(_TRACKING, Grade.WARNING, "It is off for accounts.", why, remedy)]
            case None:
                what = "Sales does not say whether it is on for accounts."
                return [Finding(_TRACKING, Grade.NOT_CHECKED, what, why, remedy)]


@dataclass(frozen=True, slots=True)
class WriteBackCheck:
    """Whether the column that assigned numbers are written to can be updated."""

    organization: Organization
    column: str

    async def check(self) -> Sequence[Finding]:
        """Return one finding."""
        why = "Numbers that the ERP assigns do not reach the accounts."
        remedy = "Name a text column that can be updated as number_column in the field map."
        match await self.organization.updatable(self.column):
            case True:
                return [Finding(_COLUMN, Grade.FINE, f"{self.column} can be updated.")]
            case False:
                what = f"The column {self.column} of accounts cannot be updated."
            case None:
                what = f"Accounts have no column {self.column}."
        return [Finding(_COLUMN, Grade.ERROR, what, why, remedy)]
