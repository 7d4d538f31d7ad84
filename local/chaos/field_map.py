"""The field map of a run: the usual one with what the stream changes besides.

The mail address is that of the account's contact, a field is the customer of the parent account, and the
payment terms go through a mapping table by the name of the row that the account refers to.
"""

from pathlib import Path

from local.chaos.conditions import Conditions
from local.stand import ROOT

OWN, OF_CONTACT = 'column = "emailaddress1"', 'column = "primarycontactid.emailaddress1"'
PARENT = """
[fields.{field}]
column = "parentaccountid"
via = "customer"
max_length = 20
"""
TERMS = """
[fields.{field}]
column = "new_paymenttermid.new_name"
via = "table:payment-terms"
"""
RELATED = """
[[related]]
table = "contact"
column = "primarycontactid"

[[related]]
table = "new_paymentterm"
column = "new_paymenttermid"
"""


def write_map(conditions: Conditions, folder: Path) -> Path:
    """Write the map into the folder; its path."""
    erp = conditions.erp
    shipped = ROOT / "shared/targets" / erp.key / f"{erp.target}.toml"
    text = (erp.assigned_map if conditions.assigned else shipped).read_text(encoding="utf-8")
    assert text.count(OWN) == 1
    parent = PARENT.format(field=erp.parent) if erp.parent else ""
    file = folder / "field-map.toml"
    terms = TERMS.format(field=erp.fields.terms)
    file.write_text(text.replace(OWN, OF_CONTACT) + parent + terms + RELATED, encoding="utf-8")
    return file
