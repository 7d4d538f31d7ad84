"""What the table Control stores between two runs, besides breakers and allowances."""

from datetime import datetime
from typing import NamedTuple


class Handled(NamedTuple):
    """The version of a mapping row that healing handles or has handled.

    `first_scan_at`: when the version was first seen. `done` is set after the second scan of the accounts.
    `scan` is the name of the bookmark of the row's current scan.
    """

    version: str
    first_scan_at: datetime
    done: bool
    scan: str = ""


class Bookmark(NamedTuple):
    """The progress of one part of healing: when it began, its stage, and where the next page begins.

    The next page begins after the key `start`. `due` is the due time of the next check.
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
