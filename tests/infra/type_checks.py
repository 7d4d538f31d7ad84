"""Whether resources fit the compiler's own types, and parameter files the types of the templates.

In: azure-types.json, which the Bicep compiler's type library was turned into: for each resource type and API
version the tree of its properties. `!name` is required, `~name` read only; a list holds the allowed values
("…": the compiler lets others through, this check does not); `[]` are the items of an array, `*` is any other
key, `= NAME` one form of an object whose `discriminator` says which it is.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.infra.bicep import BicepFile, Code, Declared, Resource, Value
from tests.infra.templates import MAIN, Infra

TYPES: dict[str, Any] = json.loads(Path(__file__).with_name("azure-types.json").read_text(encoding="utf-8"))
OF_BICEP = {"parent", "scope", "dependsOn"}
LITERALS: dict[str, type] = {"string": str, "int": int, "bool": bool}


def every_resource_fits_its_type(infra: Infra) -> Iterator[str]:
    """Known types at known versions; names, required and read-only properties, kinds and allowed values."""
    for path, file in infra.files.items():
        for one in file.resources:
            at = f"{path}: {one.symbol}"
            known = _type_of(one)
            if known is None:
                yield f"{at} is a {one.type}@{one.version}, whose type is not in azure-types.json"
            elif not one.existing:
                for body in _bodies(file, one):
                    yield from (f"{at}{what}" for what in _misfits(body, known, ""))


def _type_of(one: Resource) -> Any:
    """The type; of some, each name has its own."""
    key = f"{one.type}@{one.version}"
    return TYPES.get(key, TYPES.get(f"{key}:{one.body.get('name')}"))


def _bodies(file: BicepFile, one: Resource) -> Iterator[dict[str, Value]]:
    """The resource as each round of its loop makes it, as far as the loop runs over literals."""
    body: dict[str, Value] = {name: value for name, value in one.body.items() if name not in OF_BICEP}
    over = file.variables.get(str(one.over))
    rounds = over.value if over is not None and isinstance(over.value, list) else [None]
    for item in rounds:
        found = _filled(body, one.item, item) if isinstance(item, dict) else body
        assert isinstance(found, dict)
        yield found


def _filled(value: Value, name: str, item: Mapping[str, Value]) -> Value:
    """The value with what the loop's variable stands for in this round."""
    match value:
        case Code():
            return item.get(value.removeprefix(f"{name}."), value) if value.startswith(f"{name}.") else value
        case list():
            return [_filled(inner, name, item) for inner in value]
        case dict():
            return {key: _filled(inner, name, item) for key, inner in value.items()}
        case _:
            return value


def _misfits(value: Value, known: Any, at: str) -> Iterator[str]:
    match value, known:
        case Code(), _:
            for choice in value.choices:
                yield from _misfits(choice, known, at)
        case (None, _) | (_, "any"):
            pass
        case _, str() if type(value) is not LITERALS[known]:
            yield f"{at} is {value!r}, which is no {known}"
        case _, list() if value not in known:
            yield f"{at} is {value!r}, which is none of {known}"
        case list(), {"[]": of_item}:
            for item in value:
                yield from _misfits(item, of_item, f"{at}[]")
        case dict(), _ if "[]" not in known:
            yield from _misfits_of_object(value, known, at)
        case _, dict():
            yield f"{at} is {value!r}, which is no {'array' if '[]' in known else 'object'}"
        case _:
            pass


def _misfits_of_object(value: dict[str, Value], known: dict[str, Any], at: str) -> Iterator[str]:
    if "discriminator" in known:
        given = value.get(known["discriminator"])
        form = known.get(f"= {given}")
        if form is None:
            yield f"{at} has {known['discriminator']} {given!r}, which is no form of it"
            return
        known = {name: inner for name, inner in known.items() if not name.startswith("= ")} | form
    names = {name.lstrip("!~"): name for name in known if name not in {"*", "discriminator"}}
    for name, inner in value.items():
        if name not in names:
            if "*" in known:
                yield from _misfits(inner, known["*"], f"{at}.{name}")
            else:
                yield f"{at} has no property {name}"
        elif names[name].startswith("~"):
            yield f"{at}.{name} is read only"
        else:
            yield from _misfits(inner, known[names[name]], f"{at}.{name}")
    yield from (
        f"{at} lacks {name}" for name, key in names.items() if key.startswith("!") and name not in value
    )


def every_parameter_fits(infra: Infra) -> Iterator[str]:
    """The parameter files: names, all that is required, kinds, allowed values, lengths and ranges."""
    declared = infra.main.params
    required = {name for name, one in declared.items() if not one.has_value}
    for path, (template, file) in infra.parameter_texts.items():
        yield from (f"{path}: {error}" for error in file.errors)
        if os.path.normpath(Path(path).parent / template) != MAIN:
            yield f"{path}: is for {template!r}, not for main.bicep"
        given = {name: one.value for name, one in file.variables.items()}
        yield from (f"{path}: main.bicep has no parameter {name}" for name in set(given) - set(declared))
        yield from (f"{path}: {name} is missing" for name in required - set(given))
        for name in set(given) & set(declared):
            yield from (f"{path}: {name} {what}" for what in _misfit(infra, declared[name], given[name]))


def _misfit(infra: Infra, declared: Declared, value: Value) -> Iterator[str]:
    yield from _wrong_kind(infra, declared.type, value)
    allowed = declared.decorators.get("allowed", [[]])[0]
    if isinstance(value, Code) and len(value.arguments) > 1:  # of the environment: its default is judged
        value = value.arguments[1]
    if isinstance(allowed, list) and allowed and value not in allowed:
        yield f"is none of {allowed}"
    if isinstance(value, str | int) and not isinstance(value, Code):
        yield from _out_of_bounds(declared, len(value) if isinstance(value, str) else value)


def _wrong_kind(infra: Infra, kind: str, value: Value) -> Iterator[str]:
    """What keeps the value from being of a declared kind: a literal's, a list's, or a type of types.bicep."""
    of_item, allowed = kind.removesuffix("[]"), re.findall(r"'([^']*)'", kind)
    match value:
        case Code():
            if kind != "string" or not value.startswith("readEnvironmentVariable("):
                yield f"is {value}, which is no {kind}"
        case list() if of_item != kind:
            for item in value:
                yield from _wrong_kind(infra, of_item, item)
        case dict() if kind in infra.types:
            yield from _wrong_members(infra, kind, value)
        case _ if allowed:
            if value not in allowed:
                yield f"is {value!r}, which is none of {allowed}"
        case _:
            if type(value) is not LITERALS.get(kind):
                yield f"is no {kind}"


def _wrong_members(infra: Infra, kind: str, value: dict[str, Value]) -> Iterator[str]:
    members = infra.types[kind].value
    assert isinstance(members, dict)
    for name, inner in value.items():
        member = members.get(name, members.get("*"))
        if member is None:
            yield f"has no member {name}"
        else:
            problems = _wrong_kind(infra, str(member).removesuffix("?"), inner)
            yield from (f"{name} {what}" for what in problems)
    needed = {name for name, member in members.items() if name != "*" and not str(member).endswith("?")}
    yield from (f"lacks {name}" for name in needed - set(value))


def _out_of_bounds(declared: Declared, size: int) -> Iterator[str]:
    for name, arguments in declared.decorators.items():
        bound = arguments[0] if arguments else None
        if not isinstance(bound, int):
            continue
        if (name.startswith("min") and size < bound) or (name.startswith("max") and size > bound):
            yield f"is beyond {name} {bound}"


TYPE_CHECKS = (every_resource_fits_its_type, every_parameter_fits)
