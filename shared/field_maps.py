"""The field maps that ship with the app, as TOML files, and the loader for one's own."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from shared.model.field_map import FieldMap, keys_at

_TARGETS = Path(__file__).parent / "targets"
_COUNTRIES = _TARGETS / "countries.toml"


class FieldMapError(Exception):
    """The field map cannot be used; the message names the file and every entry at fault."""


def load_field_map(name: str) -> FieldMap:
    """The map of this name among the shipped ones, or from the TOML file at this path.

    The value map `country` (English country names to ISO 3166-1 alpha-2) is there for every map; entries
    of a map's own come on top. Raises FieldMapError.
    """
    shipped = {file.stem: file for file in _TARGETS.glob("*/*.toml")}
    path = shipped.get(name, Path(name))
    if not path.is_file():
        known = ", ".join(sorted(shipped))
        message = f"there is no field map {name!r}; shipped are {known}, anything else is the path of a file"
        raise FieldMapError(message)
    try:
        return FieldMap.model_validate(_read(path), context={"value_maps": {"country": _read(_COUNTRIES)}})
    except ValidationError as error:
        raise FieldMapError(f"{path.name}: {_problems(error)}") from None


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is not TOML: {error}"
        raise FieldMapError(message) from None


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
