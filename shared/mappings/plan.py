"""The plan of an edit: which rows it adds, changes and removes, and what is wrong with it. Pure.

In: the table's rows and the wanted mapping. Out: a `Plan`. Rows with the same normalised name are one
value, however the name is typed and whatever the row's key is. So rows made by hand are changed in place.
If the table has several rows of one name, one is kept.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum

from shared.mappings.findings import Finding, Kind
from shared.mappings.sheet import WantedRow
from shared.model.mapping import CURRENCIES, currency_key, escape_key
from shared.model.mapping_edit import Mapped, MappingRow, RowChange

LONGEST_NAME = 1024  # as typed; the normalised name has its own limit


class Action(StrEnum):
    """What the plan does with a row."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


def action_of(change: RowChange) -> Action:
    """Return what a change does with its row."""
    if change.before is None:
        return Action.ADDED
    return Action.REMOVED if change.after is None else Action.CHANGED


@dataclass(slots=True)
class Plan:
    """The changes to carry out, how many rows stay as they are, and the findings."""

    changes: list[RowChange] = field(default_factory=list[RowChange])
    unchanged: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])
    rows: Mapping[str, WantedRow] = field(default_factory=dict[str, WantedRow])

    def count(self, action: Action) -> int:
        """Count the rows with this action."""
        return sum(action_of(change) is action for change in self.changes)

    def refused(self, *, strict: bool) -> bool:
        """Whether the plan must not be carried out."""
        return any(finding.stops(strict=strict) for finding in self.findings)


def make_plan(
    table: Sequence[MappingRow],
    wanted: Iterable[WantedRow],
    longest_code: int,
    *,
    replace: bool = False,
    noun: str = CURRENCIES.noun,
) -> Plan:
    """Plan to change the table to the wanted rows; with `replace`, all other rows are removed."""
    plan = Plan()
    plan.rows = rows = _by_key(wanted, longest_code, plan.findings, noun)
    present, taken = by_key(table), {row.row_key for row in table}
    for key, row in rows.items():
        changes = _towards(row.mapped, _free(escape_key(key), taken), present.get(key, ()))
        plan.changes += changes
        plan.unchanged += not changes
    for key, group in present.items():
        if key in rows:
            continue
        if replace:
            plan.changes += map(removal, group)
        else:
            plan.unchanged += len(group)
    return plan


def by_key(table: Iterable[MappingRow]) -> dict[str, list[MappingRow]]:
    """Return the table's rows by normalised name; a row without a usable name gets a key that no name has."""
    groups: defaultdict[str, list[MappingRow]] = defaultdict(list)
    for row in table:
        groups[row.key or f" {row.row_key}"].append(row)
    return groups


def removal(row: MappingRow) -> RowChange:
    """Remove this row."""
    return RowChange(row.row_key, row.mapped, None, row.etag)


def _free(row_key: str, taken: Set[str]) -> str:
    """Return a key for a new row, other than keys that rows made by hand use for another currency."""
    while row_key in taken:
        row_key += "|X"  # no normalised name has a capital
    return row_key


def _towards(wanted: Mapped, free: str, present: Sequence[MappingRow]) -> list[RowChange]:
    if not present:
        return [RowChange(free, None, wanted)]
    usual = escape_key(currency_key(wanted.crm))
    kept = next((row for row in present if row.row_key == usual), present[0])
    changes = [removal(row) for row in present if row is not kept]
    if _seen(kept.mapped) != _seen(wanted):
        changes.insert(0, RowChange(kept.row_key, kept.mapped, wanted, kept.etag))
    return changes


def _seen(mapped: Mapped) -> tuple[str, str]:
    """Return the row as a person sees it: without extra white space, and with composed accents."""
    name, code = (" ".join(unicodedata.normalize("NFC", text).split()) for text in mapped)
    return name, code


def _by_key(
    wanted: Iterable[WantedRow], longest_code: int, findings: list[Finding], noun: str
) -> Mapping[str, WantedRow]:
    """Return the good rows by normalised name, each once. Bad rows become findings."""
    rows: dict[str, WantedRow] = {}
    for row in wanted:
        finding = _fault(row, longest_code, noun)
        if finding is not None:
            findings.append(finding)
            continue
        key = currency_key(row.mapped.crm)
        first = rows.setdefault(key, row)
        if first is not row:
            name = row.mapped.crm
            message = f'"{name}" is the same {noun} as in row {first.number}; keep one of the two.'
            findings.append(Finding(Kind.DUPLICATE, message, row.number, name))
    return rows


def _fault(row: WantedRow, longest_code: int, noun: str) -> Finding | None:
    name, code = row.mapped
    if not name.strip():
        return Finding(Kind.EMPTY_NAME, f"The {noun} has no name.", row.number)
    try:
        currency_key(name)
    except ValueError as error:
        return Finding(Kind.BAD_NAME, str(error), row.number)
    if _length(name) > LONGEST_NAME:
        message = f"The name is longer than {LONGEST_NAME} characters."
        return Finding(Kind.BAD_NAME, message, row.number)
    if not code:
        return Finding(Kind.EMPTY_CODE, f'"{name}" has no code.', row.number, name)
    if _length(code) > longest_code:
        message = f'The code "{code[:20]}" is longer than {longest_code} characters.'
        return Finding(Kind.LONG_CODE, message, row.number, name)
    return None


def _length(text: str) -> int:
    """Return the length as the systems count it: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
