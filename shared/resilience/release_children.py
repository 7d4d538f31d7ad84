"""Checks the accounts that wait for another account's customer, once there is one.

The parent's own check releases its first children at once, and leaves a note if there are more; healing then
sends the rest, some a minute. A child that is parked at the moment when its parent gets its customer may be
missed by that: so healing also walks all waiting accounts, parent by parent, and compares them with the
parents' states as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.control import Bookmark
from shared.model.customer import CustomerKey
from shared.model.issue import ParkedAccount
from shared.model.outcome import Cause, Problem
from shared.model.state import SyncState
from shared.ports import ChangeQueue, Clock, Control, Issues
from shared.resilience.checks import SendChecks
from shared.resilience.progress import Progress
from shared.resilience.target_in_use import TargetInUse

_AT_ONCE = 100  # children that the parent's own check releases
_MOST = 600  # checks of one run: no more than become due until the next one
_PARENTS = 10  # that one run compares
_NOTE = "children "
_WALK = "parents"
_ASKED = "asked"  # a check of the parent was sent, because nothing is known of it
