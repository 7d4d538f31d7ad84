"""Findings that the set-up checks of several ERPs have in common. Pure."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade


def companies_of(field_map: FieldMap, company: str | None) -> list[str]:
    """Return the companies that customers are written to, as far as settings and field map name them."""
    return [company] if company else sorted({*field_map.company.values.values()})


def check_companies(
    erp: str, field_map: FieldMap, wanted: Iterable[str], known: Collection[str]
) -> Iterator[Finding]:
    """Return a finding for each wanted company; its name must be one of the known ones."""
    source = field_map.company.setting or "[company] values of the field map"
    wanted = list(wanted)
    for name in wanted:
        check = f"{erp}: company {name}"
        if name in known:
            yield Finding(check, Grade.FINE, "It exists.")
            continue
        folded = {one.casefold(): one for one in known}
        near = get_close_matches(name.casefold(), folded, 1)
        hint = f' Did you mean "{folded[near[0]]}"?' if near else ""
        what = f'{erp} has no company "{name}".'
        remedy = f"Correct {source}: it must be the exact name of a company.{hint}"
        yield Finding(check, Grade.ERROR, what, "No account can be written there.", remedy)
    if not wanted:
        yield unknown_companies(erp, field_map)


def unknown_companies(erp: str, field_map: FieldMap) -> Finding:
    """Return the finding of a field map that takes companies from a column, and lists none of them."""
    what = f'The companies come from the column "{field_map.company.column}", and the field map lists none.'
    remedy = f"Make sure that each value of the column is a company in {erp}, or list them as `values`."
    return Finding(f"{erp}: companies", Grade.NOT_CHECKED, what, "", remedy)


def numbers(erp: str, field_map: FieldMap, place: str, manual: str) -> Finding:
    """Return the finding of the number series, whose options the web services do not show.

    `place` is where a person finds the series, `manual` the option that allows given numbers there.
    """
    check = f"{erp}: customer numbers"
    if field_map.key.assigned_by_erp:
        what = f"The field map says that {erp} assigns the numbers."
        why = "Without a series that assigns numbers, no customer can be created."
        remedy = f"Look at {place}: the series must exist, and assign numbers by itself."
    else:
        what = f'The field map takes the numbers from the column "{field_map.key.column}".'
        why = f"If the series refuses given numbers, {erp} refuses every new customer."
        remedy = f"Look at {place}: the series must take given numbers ({manual})."
    return Finding(check, Grade.NOT_CHECKED, what, why, remedy)
