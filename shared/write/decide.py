"""What to send: only what is not known to stand in Operations already. Pure."""

from collections.abc import Mapping

from shared.model.customer import Customer, FieldValue, same_value
from shared.model.fingerprint import Fingerprints
from shared.model.sync_state import SyncState


def not_confirmed(
    fields: Mapping[str, FieldValue], state: SyncState, fingerprints: Fingerprints
) -> dict[str, FieldValue]:
    """The fields that differ from what was last confirmed; all of them while anything is in doubt."""
    if state.doubtful_until is not None or state.fingerprint_key != fingerprints.key_id:
        return dict(fields)
    return {
        name: value
        for name, value in fields.items()
        if state.confirmed.get(name) != fingerprints.of(name, value)
    }


def differing(fields: Mapping[str, FieldValue], found: Customer) -> dict[str, FieldValue]:
    """The fields that differ from what was seen in Operations."""
    return {name: value for name, value in fields.items() if not same_value(value, found.fields.get(name))}
