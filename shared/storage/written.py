# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""Under which field map the accounts were last checked, read from the table AccountSync."""

from azure.data.tables.aio import TableClient

from shared.model.state import Page, Phase
from shared.storage.tables import read_page

_IN_STEP = "Phase eq @phase and CustomerAccount gt ''"


class WrittenTable:
    """Implements the port WrittenAccounts. It reads the whole table, one column of it."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def page(self, after: str) -> Page[str]:
        """Return the field maps of some accounts that are in step with their customers."""
        phase = {"phase": str(Phase.SYNCED)}
        rows, following = await read_page(self._table, _IN_STEP, phase, ("FieldMap",), after)
        return Page([str(row.get("FieldMap") or "") for row in rows], following)
