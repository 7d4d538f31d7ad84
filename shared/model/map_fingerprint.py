"""A fingerprint of a field map: it differs whenever a customer may be written otherwise."""

import hashlib
import json

from shared.model.field_map import FieldMap


def fingerprint_of(field_map: FieldMap) -> str:
    """Return a short hash of what the map says of a customer.

    Neither the order of its entries nor keys that it leaves out matter, nor what is of no effect on a
    customer: which related rows are watched, and the headers of spreadsheets.
    """
    content = field_map.model_dump(mode="json", exclude={"related", "tables"}, exclude_defaults=True)
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=6).hexdigest()
