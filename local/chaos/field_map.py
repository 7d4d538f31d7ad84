"""The field map of a run: the usual one, but the mail address is that of the account's contact."""

from pathlib import Path

from local.chaos.conditions import Conditions
from local.stand import ROOT

OWN, OF_CONTACT = 'column = "emailaddress1"', 'column = "primarycontactid.emailaddress1"'
RELATED = """
[[related]]
table = "contact"
column = "primarycontactid"
"""


def write_map(conditions: Conditions, folder: Path) -> Path:
    """Write the map into the folder; its path."""
    erp = conditions.erp
    shipped = ROOT / "shared/targets" / erp.key / f"{erp.target}.toml"
    text = (erp.assigned_map if conditions.assigned else shipped).read_text(encoding="utf-8")
    assert text.count(OWN) == 1
    file = folder / "field-map.toml"
    file.write_text(text.replace(OWN, OF_CONTACT) + RELATED, encoding="utf-8")
    return file
