"""What the table Control remembers between two runs, besides breakers and allowances."""

from datetime import datetime
from typing import NamedTuple


class Handled(NamedTuple):
    """The version of a mapping row that healing dealt with.

    `first_scan_at` is when the version was first seen; `done` is set after the second scan of the accounts;
    `scan` names the bookmark of the scan that is under way for the row.
    """

    version: str
    first_scan_at: datetime
    done: bool
    scan: str = ""


class Bookmark(NamedTuple):
    """How far a part of healing got: since when, in which stage, and where the next page begins.

    `start` is the key that the next page begins behind, `due` the due time of the next check.
    """

    at: datetime
    stage: str = ""
    after: str = ""
    start: str = ""
    due: datetime | None = None


class Answered(NamedTuple):
    """When `sync_account` last answered a probe, and the build that did."""

    at: datetime
    build: str
