"""The work on one message: the account's state as this invocation carries it along and stores it."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from shared.model.change import AccountChange, Source
from shared.model.customer import CustomerKey
from shared.model.state import Lease, Stored, SyncState
from shared.ports import SyncStates


@dataclass(slots=True)
class Work:
    """One invocation's hold on an account's state.

    `in_flight`: a write was sent and its answer is not known; `unknown_added`: a verifying check must follow;
    `leaves_no_row`: Dataverse does not know the account, and neither does the table.
    """

    change: AccountChange
    states: SyncStates
    state: SyncState
    etag: str | None
    owner: UUID
    in_flight: bool = False
    unknown_added: bool = False
    leaves_no_row: bool = False

    @classmethod
    def on(cls, change: AccountChange, states: SyncStates, stored: Stored | None) -> "Work":
        """The work on a change, from what is stored about its account."""
        state = stored.state if stored else _nothing_known(change)
        return cls(change, states, state, stored.etag if stored else None, owner=uuid4())

    def take_over(self, now: datetime, longest_request: float) -> None:
        """Whoever held the lease before us is gone; what it sent may still commit."""
        if self.state.lease is not None:
            self.state = replace(self.state, lease=None)
            self.doubt(now, longest_request)

    def doubt(self, now: datetime, longest_request: float) -> None:
        """From now on nothing that was sent is certain, until a look after the longest request's end."""
        until = datetime.fromtimestamp(now.timestamp() + longest_request, now.tzinfo)
        known = self.state.unknown_until
        self.state = replace(self.state, unknown_until=max(until, known) if known else until)
        self.unknown_added = True

    async def claim(self, until: datetime, intent: CustomerKey | None, begun: tuple[str, ...] = ()) -> None:
        """Write down, before anything is sent, who is writing what. Raises StateConflict."""
        self.state = replace(self.state, lease=Lease(self.owner, until), intent=intent, begun=begun)
        await self.store()

    async def store(self) -> None:
        """Store the state as it is. Raises StateConflict if another worker came in between."""
        self.etag = await self.states.put(self.state, self.etag)

    def verifying_check(self) -> AccountChange:
        """A look that clears up what this invocation leaves in doubt."""
        return self.change.check(Source.HEAL, verify=True)


def _nothing_known(change: AccountChange) -> SyncState:
    return SyncState(account_id=change.account_id, organization_id=change.organization_id)
