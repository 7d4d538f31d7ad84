"""Checks of the files of infra/ by themselves. Each takes an `Infra` and answers with what is wrong."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.infra.templates import Infra

FUNCTIONS = {
    *(
        "cidrSubnet",
        "concat",
        "deployer",
        "empty",
        "environment",
        "guid",
        "loadTextContent",
        "newGuid",
        "replace",
        "resourceGroup",
    ),
    *("string", "subscription", "subscriptionResourceId", "take", "toLower", "union", "uniqueString"),
    # decorators
    *("allowed", "description", "maxLength", "maxValue", "minLength", "minValue", "onlyIfNotExists"),
    *("export", "sealed", "secure"),
}


def every_file_parses(infra: Infra) -> Iterator[str]:
    """No error and no missing node; nothing of a registry, which could not be checked offline."""
    for path, file in infra.files.items():
        yield from (f"{path}: {error}" for error in file.errors)
        for module in file.modules.values():
            if ":" in module.path:
                yield f"{path}: module {module.symbol} comes from a registry: {module.path}"


def modules_are_called_as_declared(infra: Infra) -> Iterator[str]:
    """Paths, parameters and outputs of modules."""
    for path, file in infra.files.items():
        for module in file.modules.values():
            called = infra.files.get((Path(path).parent / module.path).as_posix())
            if called is None:
                yield f"{path}: there is no {module.path}"
                continue
            given = module.body.get("params", {})
            names = set(given) if isinstance(given, dict) else set[str]()
            needed = {name for name, declared in called.params.items() if not declared.has_value}
            yield from (
                f"{path}: {module.path} has no parameter {name}" for name in names - set(called.params)
            )
            yield from (f"{path}: {module.path} needs the parameter {name}" for name in needed - names)
            used = {output for symbol, output in file.module_outputs if symbol == module.symbol}
            yield from (f"{path}: {module.path} has no output {name}" for name in used - set(called.outputs))


def every_name_is_declared(infra: Infra) -> Iterator[str]:
    """Names, functions, and nothing declared that is not used."""
    for path, file in infra.files.items():
        yield from (f"{path}: undeclared {name}" for name in file.undeclared)
        yield from (f"{path}: unknown function {name}()" for name in file.functions - FUNCTIONS)
        exported = {name for name, one in file.types.items() if "export" in one.decorators}
        unused = {*file.params, *file.variables, *file.types, *file.imports} - exported - file.used
        yield from (f"{path}: {name} is not used" for name in sorted(unused))


def every_import_is_there(infra: Infra) -> Iterator[str]:
    """Types that are imported are exported where they come from; nothing untyped is a parameter or output."""
    for path, file in infra.files.items():
        for name, source in file.imports.items():
            other = infra.files.get(os.path.normpath(Path(path).parent / source))
            if other is None or name not in other.types or "export" not in other.types[name].decorators:
                yield f"{path}: {source} exports no {name}"
        for name, one in {**file.params, **file.outputs}.items():
            if one.type in {"object", "array"}:
                yield f"{path}: {name} has the type {one.type}, which says nothing"


def a_what_if_can_show_every_role(infra: Infra) -> Iterator[str]:
    """Names and scopes of role assignments come from what is known before a deployment."""
    given = infra.main.modules["access"].body["params"]
    assert isinstance(given, dict)
    unknown = {name for name, value in given.items() if ".outputs." in str(value)}
    for one in infra.module("access").resources:
        for key in ("name", "scope", "parent"):
            for name in unknown & set(re.findall(r"\w+", str(one.body.get(key, "")))):
                yield f"access.bicep: {one.symbol} has {name} in its {key}, which a what-if does not know"


def modules_have_no_names_of_their_own(infra: Infra) -> Iterator[str]:
    """The compiler names their deployments, so that two at a time do not meet."""
    for path, file in infra.files.items():
        yield from (
            f"{path}: the module {one.symbol} is named" for one in file.modules.values() if "name" in one.body
        )


def the_workbook_is_whole(infra: Infra) -> Iterator[str]:
    """JSON of a workbook; each part has its own name; the places that workbook.bicep fills are there."""
    text = infra.texts["workbook.json"]
    book = json.loads(text)
    names = [item["name"] for item in book["items"]]
    if book["version"] != "Notebook/1.0" or len(names) != len(set(names)):
        yield "workbook.json is no workbook, or two of its parts have one name"
    for place in ("__WORKSPACE__", "__SERVICE_BUS__"):
        if f"'{place}'" not in infra.texts["modules/workbook.bicep"] or place not in text:
            yield f"workbook.json and workbook.bicep do not agree on {place}"


FILE_CHECKS = (
    every_file_parses,
    modules_are_called_as_declared,
    every_name_is_declared,
    every_import_is_there,
    a_what_if_can_show_every_role,
    modules_have_no_names_of_their_own,
    the_workbook_is_whole,
)
