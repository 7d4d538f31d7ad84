"""The last attempt at an account, as the template `waterfall.html` draws it."""

from collections.abc import Mapping

from shared.diagnostics.waterfall import bars
from shared.model.attempt import decode_attempt
from shared.model.state import SyncState


def drawn(state: SyncState | None) -> Mapping[str, object]:
    """Return what the template needs; it draws nothing if no attempt is stored."""
    attempt = decode_attempt(state.last_attempt) if state else None
    return {"attempt": attempt, "bars": bars(attempt) if attempt else ()}
