"""Checks the columns that a field map reads against the tables of Sales. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from shared.model.account import COMMON_COLUMNS
from shared.model.description import FieldDescription, TableDescription, ValueType
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY, CURRENCY_COLUMN, Column, MappedField
from shared.model.finding import Finding, Grade
from shared.model.map_sections import RowRule
from shared.model.mapping import fold
from shared.model.related_table import RelatedTable

ACCOUNT = "account"
_ALL = "field map: columns of Sales"
_NO_READ = "Sales refuses every read of an account, so no account is synchronised."
_NUMBERS = {ValueType.INTEGER, ValueType.DECIMAL, ValueType.CHOICE, ValueType.TEXT}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of Sales that a field map reads, by name; a table that does not exist is left out."""

    by_name: Mapping[str, TableDescription]

    def column(self, name: str) -> FieldDescription | None:
        """Return a column of the account, if there is one of this name."""
        account = self.by_name.get(ACCOUNT)
        return account.columns.get(name) if account else None

    def described(self, column: Column) -> FieldDescription | None:
        """Return the column, or the column of the one table that it refers to."""
        own = self.column(column.column)
        if own is None or column.lookup is None:
            return own
        table = self.by_name.get(own.refers_to[0]) if len(own.refers_to) == 1 else None
        return table.columns.get(column.lookup) if table else None


def columns_of(field_map: FieldMap) -> frozenset[str]:
    """Return the names of all columns of the account that the field map reads or writes."""
    return field_map.watched | field_map.written_back


def lookups_of(field_map: FieldMap, account: TableDescription) -> Mapping[str, set[str]]:
    """Return the columns that are read in other tables, by the table that the account's column refers to."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for column in field_map.columns:
        own = account.columns.get(column.column)
        if column.lookup and own and len(own.refers_to) == 1:
            wanted[own.refers_to[0]].add(column.lookup)
    return wanted


def check_columns(field_map: FieldMap, tables: Tables) -> Sequence[Finding]:
    """Return what is wrong with the columns; one finding that says so if nothing is."""
    read = list(field_map.columns)
    if field_map.has_currency:
        read.append(Column(column=CURRENCY_COLUMN, lookup="currencyname"))
    found = [finding for column in read for finding in _of_column(column, tables)]
    found += [finding for rule in field_map.only_if for finding in _of_rule(rule, tables)]
    found += [finding for entry in field_map.related for finding in _of_related(entry, tables)]
    for name, entry in field_map.fields.items():
        found += _of_entry(name, entry, field_map, tables)
    if any(finding.grade is not Grade.NOT_CHECKED for finding in found):
        return found
    return [Finding(_ALL, Grade.FINE, f"All {len(read)} columns that the field map reads exist."), *found]


def _of_column(column: Column, tables: Tables) -> Iterator[Finding]:
    name, check = column.column, f"field map: column {column.path}"
    own = tables.column(name)
    if own is None:
        meant = get_close_matches(name, COMMON_COLUMNS, 1)
        hint = f' Did you mean "{meant[0]}"?' if meant and meant[0] != name else ""
        remedy = f"Correct the field map, or add the column.{hint}"
        yield Finding(check, Grade.ERROR, f'The table account has no column "{name}".', _NO_READ, remedy)
    elif column.of_row:
        yield from _of_account(check, name, own)
    elif column.lookup is None and own.type is ValueType.LOOKUP:
        remedy = "Add `lookup`: the column of the other row that holds the value."
        yield Finding(check, Grade.ERROR, f'"{name}" refers to another row.', _NO_READ, remedy)
    elif column.lookup is not None and name != CURRENCY_COLUMN:
        yield from _of_lookup(check, column, own, tables)


def _of_account(check: str, name: str, own: FieldDescription) -> Iterator[Finding]:
    """Check a column whose row must be an account, because that account's customer is the value."""
    remedy = 'Name a look-up to account in the field map, or take `via = "customer"` out.'
    if own.type is not ValueType.LOOKUP:
        yield Finding(check, Grade.ERROR, f'"{name}" refers to no other row.', _NO_READ, remedy)
    elif ACCOUNT not in own.refers_to:
        what = f'"{name}" refers to {", ".join(own.refers_to) or "other rows"}, not to accounts.'
        yield Finding(check, Grade.ERROR, what, "Every account with a value there is parked.", remedy)
    elif len(own.refers_to) > 1:
        what = f'"{name}" may refer to rows of other tables too.'
        why = "An account that refers to such a row is parked."
        yield Finding(check, Grade.WARNING, what, why, remedy)


def _of_lookup(check: str, column: Column, own: FieldDescription, tables: Tables) -> Iterator[Finding]:
    if own.type is not ValueType.LOOKUP:
        remedy = "Take `lookup` out of the field map, or name a column that refers to another row."
        yield Finding(check, Grade.ERROR, f'"{column.column}" refers to no other row.', _NO_READ, remedy)
    elif len(own.refers_to) != 1:
        what = f'"{column.column}" may refer to rows of several tables.'
        remedy = f'Make sure that each of them has the column "{column.lookup}".'
        yield Finding(check, Grade.NOT_CHECKED, what, "", remedy)
    elif tables.described(column) is None:
        what = f'The table {own.refers_to[0]} has no column "{column.lookup}", or may not be read.'
        yield Finding(check, Grade.ERROR, what, _NO_READ, "Correct `lookup` in the field map.")


def _of_related(entry: RelatedTable, tables: Tables) -> Iterator[Finding]:
    own = tables.column(entry.column)
    if own is not None and own.refers_to and entry.table not in own.refers_to:
        check = f"field map: related {entry.table}"
        what = f'"{entry.column}" refers to rows of {", ".join(own.refers_to)}, not of {entry.table}.'
        why = "Changes of the rows that it does refer to are not noticed."
        yield Finding(check, Grade.ERROR, what, why, f'Set table = "{own.refers_to[0]}" in [[related]].')


def _of_rule(rule: RowRule, tables: Tables) -> Iterator[Finding]:
    own = tables.column(rule.column)
    if own is None or own.values is None:
        return
    for value in (*(rule.in_ or ()), *(rule.not_in or ())):
        if str(value) not in own.values:
            yield Finding(
                f"field map: only_if {rule.column}",
                Grade.WARNING,
                f'The choice "{rule.column}" has no option {value}.',
                "The rule never meets an account with this value, so it may filter too many or too few.",
                f"Correct the rule; the options are {', '.join(sorted(own.values))}.",
            )


def _of_entry(name: str, entry: MappedField, field_map: FieldMap, tables: Tables) -> Iterator[Finding]:
    if not entry.column or entry.via == CURRENCY:
        return
    own = tables.described(Column(column=entry.column, lookup=entry.lookup))
    if own is None:
        return
    number = ValueType.INTEGER if entry.type == "integer" else ValueType.DECIMAL
    if entry.type != "text" and own.type not in _NUMBERS:
        yield Finding(
            f"field map: {name}",
            Grade.ERROR,
            f'"{entry.path}" is a {own.type}, and the field map takes it for a {number}.',
            "Every account with a value there is parked.",
            'Correct `type`: "text" takes any value.',
        )
    elif entry.label and own.type is not ValueType.CHOICE:
        yield Finding(
            f"field map: {name}",
            Grade.ERROR,
            f'"{entry.path}" is a {own.type}, and only a choice has labels.',
            "Every account with a value there is parked.",
            "Take `label` out of the field map, or name a column of choices.",
        )
    elif own.values is not None and entry.value_map and not entry.label:
        yield from _unmapped_options(name, entry, own.values, field_map.value_maps[entry.value_map])


def _unmapped_options(
    name: str, entry: MappedField, options: frozenset[str], value_map: Mapping[str, str]
) -> Iterator[Finding]:
    known = {fold(text) for text in (*value_map, *value_map.values())}
    if missing := sorted(option for option in options if fold(option) not in known):
        yield Finding(
            f"field map: {name}",
            Grade.WARNING,
            f"[value_maps.{entry.via}] has no entry for the options {', '.join(missing)} of {entry.path}.",
            "An account with one of these options is parked.",
            f"Add the options to [value_maps.{entry.via}].",
        )
