"""Checks the field map against what Sales and the ERP say of themselves.

The rules are in `columns.py` (Sales) and `fields.py` (the ERP). A system that cannot be asked is not checked;
the other one still is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.columns import ACCOUNT, Tables, check_columns, columns_of, lookups_of
from shared.diagnostics.doctor.fields import FieldRules
from shared.model.capabilities import Capabilities
from shared.model.description import TargetDescription
from shared.model.faults import ConfigurationFault, Fault
from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade
from shared.ports import Target
from shared.ports.metadata import SalesMetadata

_LATER = "Run the doctor again when the system answers."


@dataclass(frozen=True, slots=True)
class FieldMapCheck:
    """`settings` are the values of the settings that the field map names."""

    field_map: FieldMap
    settings: Mapping[str, str]
    target: Target
    sales: SalesMetadata

    async def check(self) -> Sequence[Finding]:
        """Read both systems' metadata and compare."""
        erp = self.target.capabilities
        tables, described, unread = None, None, list[Finding]()
        try:
            tables = await self._tables()
        except Fault as fault:
            unread.append(not_checked("field map: columns of Sales", fault))
        try:
            described = await self.target.describe()
        except Fault as fault:
            unread.append(not_checked(f"field map: fields of {erp.name}", fault))
        return [*check_field_map(self.field_map, erp, self.settings, tables, described), *unread]

    async def _tables(self) -> Tables:
        """Read the account's table, and the tables that its columns refer to."""
        account = await self.sales.table(ACCOUNT, columns_of(self.field_map))
        found = {} if account is None else {ACCOUNT: account}
        for name, columns in lookups_of(self.field_map, account).items() if account else ():
            table = await self.sales.table(name, columns)
            if table is not None:
                found[name] = table
        return Tables(found)


def check_field_map(
    field_map: FieldMap,
    erp: Capabilities,
    settings: Mapping[str, str],
    tables: Tables | None,
    described: TargetDescription | None,
) -> Sequence[Finding]:
    """Compare a field map with both descriptions; None stands for one that is not known."""
    found = [] if tables is None else [*check_columns(field_map, tables)]
    if described is not None:
        found += FieldRules(field_map, erp, described, tables or Tables({}), settings).findings()
    return found


def not_checked(check: str, fault: Fault) -> Finding:
    """Return the finding of a check that met a fault."""
    remedy = fault.remedy if isinstance(fault, ConfigurationFault) else _LATER
    what = fault.reason if isinstance(fault, ConfigurationFault) else str(fault)
    return Finding(check, Grade.NOT_CHECKED, f"It could not be read: {what}", "", remedy)
