"""A customer that an ERP inserted before it refused the creation is known as ours, whole or in part."""

import pytest

from shared.field_maps import load_field_map
from shared.model.customer import FieldValue, Fingerprints
from shared.sync.rules import Rules
from shared.targets.nav.capabilities import capabilities
from shared.targets.nav.values import Values

FIELD_MAP = load_field_map("nav", "nav")
RULES = Rules(
    FIELD_MAP,
    capabilities(FIELD_MAP),
    Fingerprints.under("a key of sixteen or more"),
    existing="match",
    block_on_delete=True,
    block_on_deactivate=True,
)
SENT: dict[str, FieldValue] = {"Name": "Contoso", "E_Mail": "a@example.com", "Currency_Code": "EUR"}
EMPTY = dict.fromkeys((*FIELD_MAP.names, "Blocked"), "")


@pytest.mark.parametrize(
    ("row", "ours"),
    [
        ({}, True),
        ({"Name": "Contoso"}, True),
        ({"Name": "Contoso", "Currency_Code": "EUR"}, True),
        (SENT, True),
        ({"Name": "Fabrikam"}, False),
        ({"Name": "Contoso", "Phone_No": "1"}, False),
    ],
)
def test_a_row_of_nav_with_a_part_of_what_was_sent_is_ours(row: dict[str, str], ours: bool) -> None:
    """NAV's own currency is stored as a blank, so a row without a currency reads as if it had that one."""
    found = Values(FIELD_MAP, "GBP").of_row(EMPTY | row)
    assert RULES.is_created(found, [RULES.creation_print(SENT)]) is ours
