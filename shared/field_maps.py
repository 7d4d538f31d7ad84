"""Loads field maps: those that ship with the app, and TOML files of one's own."""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from shared.model.field_map import FieldMap, keys_at

_TARGETS = Path(__file__).parent / "targets"
_COUNTRIES = _TARGETS / "countries.toml"
_DEFAULTS = "defaults"
OPERATIONS = "operations"  # the target of maps that name none: version 1 knew no other
_NEW_NAMES = {
    "company": {},
    "key": {"target": "field", "assigned_by_operations": "assigned_by_erp"},
    "hold": {"target": "field"},
}


class FieldMapError(Exception):
    """The field map cannot be used; the message names the file and every entry at fault."""


def load_field_map(name: str, target: str = OPERATIONS) -> FieldMap:
    """Load the shipped map of this name, or the TOML file at this path, for this ERP.

    Settings of the ERP's own fields that the map leaves out come from the ERP's defaults. Keys of version 1
    work. Every map has the value map `country` (English country names to ISO 3166-1 alpha-2); the map's own
    entries take precedence. Raises FieldMapError.
    """
    shipped = {file.stem: file for file in _TARGETS.glob("*/*.toml") if file.stem != _DEFAULTS}
    defaults = _read(_TARGETS / target.replace("-", "_") / f"{_DEFAULTS}.toml")
    path = shipped.get(name, Path(name))
    if not path.is_file():
        known = ", ".join(sorted(shipped))
        message = f"there is no field map {name!r}; shipped are {known}, anything else is the path of a file"
        raise FieldMapError(message)
    try:
        content = _read(path)
        if (named := content.pop("target", OPERATIONS)) != target:
            message = (
                f'{path.name} is a map for {named}, and TARGET is {target}: set target = "{target}" in a '
            )
            raise FieldMapError(message + "map that is made for it, or change one of the two")
        content, warnings = _completed(content, defaults)
        context = {"value_maps": {"country": _read(_COUNTRIES)}, "warnings": warnings}
        return FieldMap.model_validate(content, context=context)
    except ValidationError as error:
        raise FieldMapError(f"{path.name}: {_problems(error)}") from None


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is not TOML: {error}"
        raise FieldMapError(message) from None


def _completed(content: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the content with the new names of keys and with defaults, and a warning for each old name."""
    found, warnings = dict(content), list[str]()
    for section, new_names in _NEW_NAMES.items():
        own: object = content.get(section, {})
        if not isinstance(own, dict):
            continue
        named: dict[str, Any] = {}
        for key, value in cast(dict[str, Any], own).items():
            new = new_names.get(key, key)
            if new != key and new not in own:
                warnings.append(
                    f'The field map\'s key "{key}" in [{section}] is now called "{new}": rename it.'
                )
            named[new if new not in own else key] = value
        found[section] = {**defaults[section], **named}
    return found, warnings


def _problems(error: ValidationError) -> str:
    lines: list[str] = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            text = f"there is no such key{_nearest(str(item['loc'][-1]), keys_at(item['loc']))}"
        lines.append(f"{where}: {text}" if where else text)
    return "; ".join(lines)


def _nearest(key: str, known: Sequence[str]) -> str:
    found = get_close_matches(key, known, 1)
    return f'; did you mean "{found[0]}"?' if found else f"; there are {', '.join(known)}"
