"""The field map of a run: the one of the ERP, with entries for what the stream changes beside the usual."""

from collections.abc import Iterator
from pathlib import Path

from local.chaos.conditions import Conditions
from local.stand import ROOT

PARENT = """
[fields.{field}]
column = "parentaccountid"
via = "customer"
max_length = 20
"""


def write_map(conditions: Conditions, folder: Path) -> Path:
    """Write the map into the folder, and return where it is."""
    erp, file = conditions.erp, folder / "field-map.toml"
    shipped = ROOT / "shared/targets" / erp.key / f"{erp.target}.toml"
    usual = (erp.assigned_map if conditions.assigned else shipped).read_text(encoding="utf-8")
    file.write_text("\n".join((usual, *_entries(conditions))), encoding="utf-8")
    return file


def _entries(conditions: Conditions) -> Iterator[str]:
    if conditions.erp.parent:
        yield PARENT.format(field=conditions.erp.parent)
