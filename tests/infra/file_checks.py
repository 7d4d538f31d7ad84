"""Checks of the files of infra/ by themselves. Each takes an `Infra` and answers with what is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.infra.bicep import BicepFile, Code, Declared, Value
from tests.infra.templates import Infra

# Reviewed against the Azure Verified Modules (github.com/Azure/bicep-registry-modules): type -> API version.
REVIEWED = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Insights/actionGroups": "2024-10-01-preview",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2025-01-01-preview",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2024-11-01",
    "Microsoft.KeyVault/vaults/secrets": "2024-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/privateDnsZones": "2020-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2025-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2025-05-01",
    "Microsoft.Network/virtualNetworks": "2025-05-01",
    "Microsoft.Network/virtualNetworks/subnets": "2025-05-01",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.ServiceBus/namespaces": "2024-01-01",
    "Microsoft.ServiceBus/namespaces/queues": "2024-01-01",
    "Microsoft.ServiceBus/namespaces/queues/authorizationRules": "2024-01-01",
    "Microsoft.Storage/storageAccounts": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "2025-06-01",
    "Microsoft.Web/serverfarms": "2025-03-01",
    "Microsoft.Web/sites": "2025-03-01",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "2025-03-01",
    "Microsoft.Web/sites/config": "2025-03-01",
}
FUNCTIONS = {
    *("concat", "empty", "environment", "guid", "loadTextContent", "newGuid", "replace", "resourceGroup"),
    *("string", "subscription", "subscriptionResourceId", "take", "toLower", "union", "uniqueString"),
    # decorators
    *("allowed", "description", "maxLength", "maxValue", "minLength", "minValue", "onlyIfNotExists"),
    *("sealed", "secure"),
}
ABOUT_THE_RESOURCE = {"parent", "scope", "dependsOn", "name", "location", "tags"}
FREE_NAMES = {"Microsoft.Web/sites/config"}  # the app settings, held against the app itself
PROPERTY_NAMES: dict[str, Any] = json.loads(
    Path(__file__).with_name("property_names.json").read_text(encoding="utf-8")
)


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
        unused = {*file.params, *file.variables, *file.types} - file.used
        yield from (f"{path}: {name} is not used" for name in sorted(unused))


def every_resource_is_reviewed(infra: Infra) -> Iterator[str]:
    """Types and API versions."""
    for path, file in infra.files.items():
        for one in file.resources:
            if REVIEWED.get(one.type) != one.version:
                yield f"{path}: {one.symbol} is a {one.type}@{one.version}, which was not reviewed"


def every_property_is_known(infra: Infra) -> Iterator[str]:
    """Names of properties, as the management SDKs have them."""
    for path, file in infra.files.items():
        for one in file.resources:
            if one.existing or one.type in FREE_NAMES:
                continue
            body: dict[str, Value] = {k: v for k, v in one.body.items() if k not in ABOUT_THE_RESOURCE}
            for name in _unknown(body, PROPERTY_NAMES[one.type], ""):
                yield f"{path}: {one.symbol} ({one.type}) has no property {name}"


def _unknown(value: Value, known: Any, at: str) -> Iterator[str]:
    if known is None or isinstance(value, Code):
        return
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, known, at)
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{at}.{name}".lstrip(".")
            if name not in known:
                yield here
            else:
                yield from _unknown(inner, known[name], here)


def every_parameter_fits(infra: Infra) -> Iterator[str]:
    """The parameter files: declared names, all that is required, allowed values, lengths and ranges."""
    for path, given in infra.parameter_files.items():
        declared = infra.main.params
        required = {name for name, one in declared.items() if not one.has_value}
        yield from (f"{path}: main.bicep has no parameter {name}" for name in set(given) - set(declared))
        yield from (f"{path}: {name} is missing" for name in required - set(given))
        for name, value in given.items():
            if name in declared and "${" not in str(value):
                yield from (f"{path}: {name} {what}" for what in _misfit(infra.main, declared[name], value))


KINDS: dict[str, type] = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}


def _misfit(file: BicepFile, declared: Declared, value: object) -> Iterator[str]:
    if type(value) is not KINDS.get(declared.type, dict):
        yield f"is no {declared.type}"
        return
    allowed = declared.decorators.get("allowed", [[]])[0]
    if isinstance(allowed, list) and allowed and value not in allowed:
        yield f"is none of {allowed}"
    if isinstance(value, str | int):
        yield from _out_of_bounds(declared, len(value) if isinstance(value, str) else value)
    members = file.types[declared.type].value if declared.type in file.types else None
    if isinstance(members, dict) and isinstance(value, dict):
        yield from (f"has no member {name}" for name in set(value) - set(members))
        needed = {name for name, kind in members.items() if not str(kind).endswith("?")}
        yield from (f"lacks {name}" for name in needed - set(value))


def _out_of_bounds(declared: Declared, size: int) -> Iterator[str]:
    for name, arguments in declared.decorators.items():
        bound = arguments[0] if arguments else None
        if not isinstance(bound, int):
            continue
        if (name.startswith("min") and size < bound) or (name.startswith("max") and size > bound):
            yield f"is beyond {name} {bound}"


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
    every_resource_is_reviewed,
    every_property_is_known,
    every_parameter_fits,
    the_workbook_is_whole,
)
