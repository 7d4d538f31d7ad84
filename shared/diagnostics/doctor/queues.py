"""The queues: that each is there, with the properties that the app relies on, and what the app may do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.diagnostics.doctor.doctor import all_attempted, all_findings, attempted, said
from shared.model.faults import NotPermitted
from shared.model.finding import Finding, Grade
from shared.model.observed import QueueProperties
from shared.ports.doctor import QueueAccess, QueueSettings

_LOCK, _LIFE, _DELIVERIES = timedelta(minutes=1), timedelta(days=14), 100
_FIXED = "This cannot be changed: delete the queue when it is empty, and deploy again."
_DEPLOY = "Deploy infra/main.bicep again, which sets it."


@dataclass(frozen=True, slots=True)
class WantedQueue:
    """What a queue has to be. `window`: how long it detects duplicates at least."""

    name: str
    sessions: bool = False
    window: timedelta | None = None
    dead_letters_on_expiration: bool = True
    without: str = "its counts cannot be shown"


WANTED = (
    WantedQueue("dataverse-events"),
    WantedQueue(
        "account-changes",
        sessions=True,
        window=timedelta(minutes=10),
        without="a load counts its own unfinished checks instead of what waits in the queue",
    ),
    WantedQueue("rejected-events", dead_letters_on_expiration=False),
    WantedQueue("load-pages", window=timedelta(minutes=10)),
)
"""The queues of infra/modules/service_bus.bicep; a test holds both together."""


@dataclass(frozen=True, slots=True)
class QueuesCheck:
    """Reads the properties of each queue. `remedy` says how the reader gets the right to do so."""

    settings: QueueSettings
    remedy: str
    wanted: Sequence[WantedQueue] = WANTED

    async def check(self) -> Sequence[Finding]:
        """Return what is wrong with each queue, or that it is right."""
        return await all_findings(*((_name(queue), self._one(queue)) for queue in self.wanted))

    async def _one(self, wanted: WantedQueue) -> Sequence[Finding]:
        name = _name(wanted)
        try:
            found = await self.settings.read(wanted.name)
        except NotPermitted as fault:
            what = said(fault)
            why = f"Its properties are not known, and {wanted.without}."
            return [Finding(name, Grade.NOT_CHECKED, what, why, self.remedy)]
        if found is None:
            why = "The app cannot receive or send."
            return [Finding(name, Grade.ERROR, "There is no queue of this name.", why, _DEPLOY)]
        return [*_errors(wanted, found), *_warnings(found)] or [
            Finding(name, Grade.FINE, "It is there, and set up as it should be.")
        ]


@dataclass(frozen=True, slots=True)
class QueueRightsCheck:
    """Opens the links that the app opens. For a queue with sessions only the host may open one to receive."""

    access: QueueAccess
    sent_to: Sequence[str] = ("account-changes", "rejected-events", "load-pages")
    received_from: Sequence[str] = ("dataverse-events", "load-pages")

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each link."""
        sending = [(f"sending to {name}", self._send(name)) for name in self.sent_to]
        receiving = [(f"receiving from {name}", self._receive(name)) for name in self.received_from]
        return await all_attempted(*sending, *receiving)

    async def _send(self, queue: str) -> Finding:
        why = "What should be queued is not; the host delivers the messages again and again."
        right = f"Give the app's identity the role Azure Service Bus Data Sender on {queue}."
        request, name = self.access.send(queue), f"sending to {queue}"
        return await attempted(name, request, fine="It is allowed.", why=why, right=right)

    async def _receive(self, queue: str) -> Finding:
        why = "No event of Dataverse is taken from the queue."
        right = f"Give the app's identity the role Azure Service Bus Data Receiver on {queue}."
        request, name = self.access.receive(queue), f"receiving from {queue}"
        return await attempted(name, request, fine="It is allowed.", why=why, right=right)


def _errors(wanted: WantedQueue, found: QueueProperties) -> Iterator[Finding]:
    def error(what: str, why: str, remedy: str) -> Finding:
        return Finding(_name(wanted), Grade.ERROR, what, why, remedy)

    if not found.enabled:
        yield error("It is disabled.", "No message comes through.", "Enable it in the Azure portal.")
    if wanted.sessions and not found.requires_session:
        why = "Two changes of an account would be written at the same time."
        yield error("It requires no sessions.", why, _FIXED)
    if not wanted.sessions and found.requires_session:
        why = "Messages come without a session, and the queue refuses them."
        yield error("It requires sessions.", why, _FIXED)
    if wanted.window is not None and not found.requires_duplicate_detection:
        why = "An event that comes twice, or a burst, makes as many checks."
        yield error("It has no duplicate detection.", why, _FIXED)
    elif wanted.window is not None and found.duplicate_window < wanted.window:
        what = f"It detects duplicates for {_said(found.duplicate_window)}, not for {_said(wanted.window)}."
        yield error(what, "An event that comes again later is checked again.", _DEPLOY)
    if wanted.dead_letters_on_expiration and not found.dead_letters_on_expiration:
        why = "A message that waits too long is lost without a trace."
        yield error("Messages that expire are not dead-lettered.", why, _DEPLOY)


def _warnings(found: QueueProperties) -> Iterator[Finding]:
    def warning(what: str, why: str) -> Finding:
        return Finding(f"queue {found.name}", Grade.WARNING, what, why, _DEPLOY)

    if found.lock < _LOCK:
        what = f"A lock lasts {_said(found.lock)}, not {_said(_LOCK)}."
        yield warning(what, "A host that is busy loses its locks, and messages are delivered twice.")
    if found.max_delivery_count < _DELIVERIES:
        what = f"A message is delivered {found.max_delivery_count} times at most, not {_DELIVERIES}."
        yield warning(what, "When the bus takes no messages for a while, messages are dead-lettered early.")
    if found.time_to_live < _LIFE:
        what = f"A message lives {_said(found.time_to_live)}, not {_said(_LIFE)}."
        yield warning(what, "During a longer outage messages expire.")


def _name(queue: WantedQueue) -> str:
    return f"queue {queue.name}"


def _said(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((86_400, "days"), (60, "minutes")):
        if seconds >= size and not seconds % size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
