"""What the doctor reads, in memory: a test plants the faults."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from shared.diagnostics.doctor.queues import WANTED
from shared.model.diagnosis import Diagnosis, decode_diagnosis, encode_diagnosis
from shared.model.faults import Fault, StateConflict
from shared.model.observed import QueueProperties, WhoAmI
from shared.ports.doctor import Standing
from shared.storage.tables import TABLES
from tests.fakes.clock import FakeClock

USER = UUID("33333333-3333-3333-3333-333333333333")


class FakeDiagnoses:
    """Implements Diagnoses; `reads` counts the reads of the standing, `trouble` is raised by every call."""

    def __init__(self) -> None:
        self.row = Standing()
        self.document = ""
        self.reads = 0
        self.trouble: Fault | None = None
        self._versions = count(1)

    async def standing(self) -> Standing:
        self._fail()
        self.reads += 1
        return self.row

    async def lease(self, until: datetime, standing: Standing) -> None:
        self._fail()
        if standing.etag != self.row.etag:
            raise StateConflict
        self._put(leased_until=until)

    async def keep(self, diagnosis: Diagnosis, answered: str) -> None:
        self._fail()
        self.document = encode_diagnosis(diagnosis)
        self._put(at=diagnosis.at, build=diagnosis.build, answered=answered, leased_until=None)

    async def newest(self) -> Diagnosis | None:
        self._fail()
        return decode_diagnosis(self.document) if self.document else None

    async def ask(self, request: str) -> None:
        self._fail()
        self._put(request=request)

    def _put(self, **members: Any) -> None:
        self.row = self.row._replace(etag=f'W/"{next(self._versions)}"', **members)

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble


@dataclass
class FakeTableAccess:
    """Implements TableAccess; `faults` are raised by reads of these tables, "writing" by the write."""

    clock: FakeClock
    faults: dict[str, Fault] = field(default_factory=dict[str, Fault])
    apart: timedelta = timedelta()
    names: Sequence[str] = TABLES

    async def read(self, table: str) -> None:
        if fault := self.faults.get(table):
            raise fault

    async def write(self) -> datetime:
        if fault := self.faults.get("writing"):
            raise fault
        return self.clock.now() + self.apart


@dataclass
class FakeQueueSettings:
    """Implements QueueSettings; the queues are right until a test changes them with `set`."""

    queues: dict[str, QueueProperties | Fault] = field(
        default_factory=lambda: {
            wanted.name: QueueProperties(
                name=wanted.name,
                enabled=True,
                requires_session=wanted.sessions,
                requires_duplicate_detection=wanted.window is not None,
                duplicate_window=wanted.window or timedelta(),
                lock=timedelta(minutes=1),
                max_delivery_count=100,
                dead_letters_on_expiration=wanted.dead_letters_on_expiration,
                time_to_live=timedelta(days=14),
            )
            for wanted in WANTED
        }
    )

    async def read(self, queue: str) -> QueueProperties | None:
        found = self.queues.get(queue)
        if isinstance(found, Fault):
            raise found
        return found

    def set(self, queue: str, **members: Any) -> None:
        """Change properties of a queue."""
        found = self.queues[queue]
        assert isinstance(found, QueueProperties)
        self.queues[queue] = replace(found, **members)


@dataclass
class FakeOrganization:
    """Implements Organization."""

    organization_id: UUID
    user_id: UUID = USER
    tracked: bool | None = True
    column: bool | None = True
    fault: Fault | None = None

    async def who(self) -> WhoAmI:
        self._fail()
        return WhoAmI(self.organization_id, self.user_id)

    async def tracks_changes(self) -> bool | None:
        self._fail()
        return self.tracked

    async def updatable(self, column: str) -> bool | None:
        self._fail()
        return self.column

    def _fail(self) -> None:
        if self.fault:
            raise self.fault
