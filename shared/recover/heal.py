"""Heals what a person has put right: level-triggered, idempotent, once a minute, on one instance.

In: the mapping table and the issues as they stand. Out: looks at the accounts concerned. Whoever changed
the mapping, and with what tool, makes no difference: the rows' ETags tell.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid5

from shared.model.change import AccountChange, Operation, Source
from shared.model.currency import CurrencyMapping
from shared.model.outcome import Cause
from shared.model.sync_state import Phase, SyncState
from shared.ports import ChangeQueue, Clock, ErpCurrencies, Issues, SyncStates
from shared.ports.recovery import (
    Handled,
    HandledMappings,
    IssueList,
    MappingRows,
    ParkedAccount,
    StateScan,
)
from shared.telemetry import LOGGER

_CURRENCY_CAUSES = (Cause.UNMAPPED_CURRENCY, Cause.BAD_MAPPING)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_SWEEP_PARKED_EVERY = timedelta(minutes=15)


@dataclass(slots=True)
class Heal:
    """One run a minute. `cache` is how long a mapping may be used after it changed, `deadline` how long a
    message that used it may still be worked on."""

    mappings: MappingRows
    handled: HandledMappings
    issue_list: IssueList
    scan: StateScan
    states: SyncStates
    issues: Issues
    erp_currencies: ErpCurrencies
    queue: ChangeQueue
    clock: Clock
    cache: timedelta
    deadline: timedelta
    _swept_at: datetime | None = None

    async def run(self) -> int:
        """Heal what can be healed now; how many looks were sent. May raise faults: the next run goes on."""
        rows = await self.mappings.rows()
        sent = await self._parked_currencies(rows)
        sent += await self._changed_rows(rows)
        sent += await self._known_by_now()
        await self._sweep()
        if sent:
            LOGGER.info("healing: %d looks sent", sent, extra={"event": "healed", "looks": sent})
        return sent

    async def _changed_rows(self, rows: Mapping[str, Sequence[CurrencyMapping]]) -> int:
        """Customers already written follow a changed row; a second scan finds who used the old one late."""
        now, before = self.clock.now(), await self.handled.read()
        due: dict[str, Handled] = {}
        for key, group in rows.items():
            version, known = _version(group), before.get(key)
            if known is None or known.version != version:
                due[key] = Handled(version, now, done=False)
            elif not known.done and now >= known.first_scan_at + self.cache + self.deadline:
                due[key] = known._replace(done=True)
        sent = 0
        if due:
            async for state in self.scan.with_currency(due.keys()):
                handled = due[str(state.currency_key)]
                text = f"mapping {state.currency_key} {handled.version} {handled.done}"
                await self.queue.send(_look(state, text), now + self.cache)
                sent += 1
        await self.handled.put(due)
        await self.handled.remove(before.keys() - rows.keys())
        return sent

    async def _parked_currencies(self, rows: Mapping[str, Sequence[CurrencyMapping]]) -> int:
        sent = 0
        for cause in _CURRENCY_CAUSES:
            async for row in self.issue_list.all(f"{cause}|"):
                group = rows.get(row.value, ())
                if len(group) == 1 and group[0].ax.strip():
                    sent += await self._heal(row, _version(group))
        return sent

    async def _known_by_now(self) -> int:
        """Codes that Operations did not know when the account was parked."""
        sent = 0
        known: dict[str, bool] = {}
        async for row in self.issue_list.all(f"{Cause.UNKNOWN_ERP_CURRENCY}|"):
            if row.value not in known:
                known[row.value] = await self.erp_currencies.knows(row.value)
            if known[row.value]:
                sent += await self._heal(row, "known")
        return sent

    async def _heal(self, row: ParkedAccount, version: str) -> int:
        """Once for each version of what was put right."""
        stored = await self.states.get(row.account_id)
        if row.healed == version or stored is None:
            return 0
        await self.queue.send(_look(stored.state, f"{row.key} {version}"))
        await self.issue_list.mark_healed(row, version)
        return 1

    async def _sweep(self) -> None:
        """Rows of Issues that no state names go; parked states without their row get it back."""
        now = self.clock.now()
        if self._swept_at is not None and now - self._swept_at < _SWEEP_PARKED_EVERY:
            return
        self._swept_at = now
        async for row in self.issue_list.all():
            stored = await self.states.get(row.account_id)
            if stored is None or stored.state.issue != row.key:
                await self.issues.remove(row.key, row.account_id)
        async for state in self.scan.in_phase(Phase.PARKED):
            await self.issue_list.restore(state, now)


def _version(group: Sequence[CurrencyMapping]) -> str:
    etags = "|".join(sorted(row.etag for row in group))
    return hashlib.blake2b(etags.encode(), digest_size=12).hexdigest()


def _look(state: SyncState, text: str) -> AccountChange:
    """A look whose message id is the same however often it is sent for the same reason."""
    return AccountChange(
        organization_id=state.organization_id,
        account_id=state.account_id,
        operation=Operation.LOOK,
        occurred_at=state.read_at or _NEVER,
        source=Source.HEAL,
        operation_id=uuid5(state.account_id, text),
    )
