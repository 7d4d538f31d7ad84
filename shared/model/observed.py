"""What the doctor reads of the outside systems, as plain data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID


class TokenClaims(NamedTuple):
    """The claims of an access token that may be shown; the token itself is kept nowhere."""

    audience: str
    tenant: str
    application: str
    object_id: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueueProperties:
    """How a queue is set up. Times without a limit are the longest that there are."""

    name: str
    enabled: bool
    requires_session: bool
    requires_duplicate_detection: bool
    duplicate_window: timedelta
    lock: timedelta
    max_delivery_count: int
    dead_letters_on_expiration: bool
    time_to_live: timedelta


class WhoAmI(NamedTuple):
    """Who Dataverse takes the caller for, and in which organization."""

    organization_id: UUID
    user_id: UUID


class ColumnDifference(NamedTuple):
    """A column of a registered row that is not as it should be."""

    row: str
    column: str
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class EventRegistration:
    """One endpoint that Dataverse posts to, compared with what it should be.

    `command` registers it as it should be. `copies`: how many endpoints have its name. `missing` names steps
    that are not there, `obsolete` steps of ours of tables that the field map does not name, `strangers` steps
    on the endpoint that are not the app's.
    """

    endpoint: str
    command: str
    needs_key: bool = False
    copies: int = 1
    missing: tuple[str, ...] = ()
    differences: tuple[ColumnDifference, ...] = ()
    obsolete: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    failed_posts: int = 0
