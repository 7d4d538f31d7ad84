"""How many accounts were last checked under an older field map: their customers may lack what it says now."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.finding import Finding, Grade
from shared.ports.doctor import WrittenAccounts

_NAME = "accounts under an older field map"
_LONGEST = 20.0  # seconds; a million accounts are about a thousand small requests


@dataclass(frozen=True, slots=True)
class WrittenCheck:
    """Counts the accounts. `field_map` is the fingerprint of the one in use."""

    written: WrittenAccounts
    field_map: str
    longest: float = _LONGEST

    async def check(self) -> Sequence[Finding]:
        """Return one finding; it says so if not all accounts were read in time."""
        found, after, whole = Counter[str](), "", False
        try:
            async with asyncio.timeout(self.longest):
                while not whole:
                    page = await self.written.page(after)
                    found.update(page.rows)
                    after, whole = page.after, not page.after
        except TimeoutError:
            pass
        return [self._finding(found, whole=whole)]

    def _finding(self, found: Counter[str], *, whole: bool) -> Finding:
        older = found.total() - found[self.field_map]
        said = "" if whole else f", of the first {found.total():,} that could be read in time"
        if older == 0:
            grade = Grade.FINE if whole else Grade.NOT_CHECKED
            return Finding(_NAME, grade, f"There are none{said}.")
        by = ", or by a release that did not note it" if found[""] else ""
        return Finding(
            _NAME,
            Grade.WARNING,
            f"{older:,} of {found.total():,} accounts were last checked under an older field map{by}{said}.",
            "Their customers may lack what the field map says now; each follows when its account changes.",
            "`accountsync load start` checks all accounts. What is in step already is not written.",
        )
