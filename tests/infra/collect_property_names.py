"""Collects the property names of Azure's resources from the management SDKs, which list REST's names.

In: the SDKs, which are large and needed here alone, so they are no dependency of the project:

    uv run --no-project --python 3.13 --with azure-mgmt-servicebus==10.0.0 --with azure-mgmt-web==11.0.1 \\
      --with azure-mgmt-storage==25.3.0 --with azure-mgmt-monitor==7.0.0 --with azure-mgmt-keyvault==14.1.0 \\
      --with azure-mgmt-applicationinsights==4.1.0 --with azure-mgmt-loganalytics==14.0.0 \\
      --with azure-mgmt-msi==7.1.0 --with azure-mgmt-authorization==4.0.0 \\
      tests/infra/collect_property_names.py

Out: property_names.json beside this file: for each resource type, its properties as a tree; `null` is a leaf
or a place where any name may stand.
"""

import importlib
import json
import re
from pathlib import Path
from typing import Any

MODELS = {
    "Microsoft.ServiceBus/namespaces": "servicebus SBNamespace",
    "Microsoft.ServiceBus/namespaces/queues": "servicebus SBQueue",
    "Microsoft.ServiceBus/namespaces/queues/authorizationRules": "servicebus SBAuthorizationRule",
    "Microsoft.Storage/storageAccounts": "storage StorageAccountCreateParameters",
    "Microsoft.Storage/storageAccounts/blobServices": "storage BlobServiceProperties",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "storage BlobContainer",
    "Microsoft.Storage/storageAccounts/tableServices": "storage TableServiceProperties",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "storage Table",
    "Microsoft.Web/serverfarms": "web AppServicePlan",
    "Microsoft.Web/sites": "web Site",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "web CsmPublishingCredentialsPoliciesEntity",
    "Microsoft.KeyVault/vaults": "keyvault VaultCreateOrUpdateParameters",
    "Microsoft.KeyVault/vaults/secrets": "keyvault SecretCreateOrUpdateParameters",
    "Microsoft.OperationalInsights/workspaces": "loganalytics Workspace",
    "Microsoft.Insights/components": "applicationinsights ApplicationInsightsComponent",
    "Microsoft.Insights/workbooks": "applicationinsights Workbook",
    "Microsoft.Insights/metricAlerts": "monitor MetricAlertResource",
    "Microsoft.Insights/scheduledQueryRules": "monitor ScheduledQueryRuleResource",
    "Microsoft.Insights/actionGroups": "monitor ActionGroupResource",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "msi Identity",
    "Microsoft.Authorization/roleAssignments": "authorization RoleAssignmentCreateParameters",
}
# Typed in from the resource reference, learn.microsoft.com/azure/templates: the SDKs above do not have them.
BY_HAND: dict[str, Any] = {
    "Microsoft.Insights/diagnosticSettings": {
        "scope": None,
        "properties": {
            "workspaceId": None,
            "logs": {"category": None, "categoryGroup": None, "enabled": None},
            "metrics": {"category": None, "enabled": None},
        },
    },
    "Microsoft.Network/virtualNetworks": {
        "location": None,
        "tags": None,
        "properties": {
            "addressSpace": {"addressPrefixes": None},
            "subnets": {
                "name": None,
                "properties": {
                    "addressPrefix": None,
                    "privateEndpointNetworkPolicies": None,
                    "delegations": {"name": None, "properties": {"serviceName": None}},
                },
            },
        },
    },
    "Microsoft.Network/privateDnsZones": {"location": None, "tags": None},
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {
        "location": None,
        "tags": None,
        "properties": {"registrationEnabled": None, "virtualNetwork": {"id": None}},
    },
    "Microsoft.Network/privateEndpoints": {
        "location": None,
        "tags": None,
        "properties": {
            "subnet": {"id": None},
            "privateLinkServiceConnections": {
                "name": None,
                "properties": {"privateLinkServiceId": None, "groupIds": None},
            },
        },
    },
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": {
        "properties": {"privateDnsZoneConfigs": {"name": None, "properties": {"privateDnsZoneId": None}}},
    },
}
# Discriminated by "odata.type"; the SDK lists the variants as classes of their own.
VARIANTS = {"MetricAlertCriteria": "MetricAlertSingleResourceMultipleMetricCriteria"}
DEEPEST = 8

type Tree = dict[str, Any] | None


def main() -> None:
    """Write property_names.json."""
    found = BY_HAND | {resource: tree_of(*model.split()) for resource, model in MODELS.items()}
    file = Path(__file__).with_name("property_names.json")
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def tree_of(package: str, model: str) -> Tree:
    """The properties of a model; a resource also has a name, a parent and a scope."""
    models = importlib.import_module(f"azure.mgmt.{package}.models")
    tree = _tree(models, model, ())
    return {**(tree or {}), "name": None}


def _tree(models: Any, name: str, above: tuple[str, ...]) -> Tree:
    model = getattr(models, VARIANTS.get(name, name), None)
    if not hasattr(model, "__mro__") or name in above or len(above) > DEEPEST:
        return None
    tree: dict[str, Any] = {}
    for path, kind in _fields(model):
        free = kind.startswith("{") or re.search(r"\b[Dd]ict\[", kind)
        names = [] if free else re.findall(r"\b[A-Z]\w+", kind)
        inner = next((one for one in names if hasattr(models, one)), None)
        if path != [""]:
            _put(tree, path, _tree(models, inner, (*above, name)) if inner else None)
    return tree or None


def _fields(model: Any) -> list[tuple[list[str], str]]:
    """Path and type of each property, in either style of generated model."""
    old = getattr(model, "_attribute_map", None)
    if old:
        return [(re.split(r"(?<!\\)\.", entry["key"]), entry["type"]) for entry in old.values()]
    fields: dict[str, tuple[list[str], str]] = {}
    for base in reversed(model.__mro__):
        for attribute, value in vars(base).items():
            if type(value).__name__ == "_RestField":
                kind = str(base.__annotations__.get(attribute, ""))
                fields[attribute] = ([value._rest_name_input or attribute], kind)
    return list(fields.values())


def _put(tree: dict[str, Any], path: list[str], value: Tree) -> None:
    *above, last = [part.replace("\\.", ".") for part in path]
    for part in above:
        tree = tree.setdefault(part, {})
    tree[last] = value


if __name__ == "__main__":
    main()
