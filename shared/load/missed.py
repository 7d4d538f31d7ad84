"""Which accounts catch-up sends a check for: a pure function of what Sales names and AccountSync has."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from shared.model.catch_up import ChangedAccount, KnownAccount
from shared.model.change import AccountChange, ChangeKind, Source

_PER_SECOND = 10.0  # checks that become due: live events pass between them


def missed(
    accounts: Iterable[ChangedAccount], known: Mapping[UUID, KnownAccount], *, unknown_too: bool
) -> list[ChangedAccount]:
    """Return the accounts whose change did not reach the app: the version in Sales is above the known one.

    A deletion counts only for an account that AccountSync has and did not find deleted. Without `unknown_too`
    accounts that AccountSync does not have are left to the first load.
    """
    return [one for one in accounts if _is_missed(one, known.get(one.account_id), unknown_too=unknown_too)]


def _is_missed(account: ChangedAccount, known: KnownAccount | None, *, unknown_too: bool) -> bool:
    if account.version is None:
        return known is not None and not known.deleted
    if known is None:
        return unknown_too
    return known.version is None or account.version > known.version


def check(account: ChangedAccount, organization_id: UUID, seen_at: datetime) -> AccountChange:
    """Make the check of a missed change, which was in Sales at `seen_at`, by the clock of Sales."""
    return AccountChange(
        organization_id=organization_id,
        account_id=account.account_id,
        kind=ChangeKind.DELETE if account.version is None else ChangeKind.CHECK,
        occurred_at=seen_at,
        source=Source.CATCH_UP,
        operation_id=uuid5(account.account_id, f"catch-up {account.version}"),
    )


def spread(
    checks: Sequence[AccountChange], first: datetime
) -> tuple[list[tuple[AccountChange, datetime]], datetime]:
    """Give the checks due times from `first` on, and return them with the next free due time."""
    step = timedelta(seconds=1 / _PER_SECOND)
    return [(each, first + step * place) for place, each in enumerate(checks)], first + step * len(checks)
