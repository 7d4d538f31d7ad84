"""Facts of security that must stand in infra/, as assertions on the parsed files."""

import re
from collections.abc import Iterator

from tests.infra.bicep import Resource, Value
from tests.infra.templates import Infra, properties

# type -> properties that must have exactly these values
FACTS: dict[str, dict[str, Value]] = {
    "Microsoft.Storage/storageAccounts": {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"publicAccess": "None"},
    # Dataverse can only use a SAS key.
    "Microsoft.ServiceBus/namespaces": {"disableLocalAuth": False, "minimumTlsVersion": "1.2"},
    "Microsoft.ServiceBus/namespaces/queues/authorizationRules": {"rights": ["Send"]},
    "Microsoft.Insights/components": {"DisableLocalAuth": True},
    "Microsoft.OperationalInsights/workspaces": {"features.disableLocalAuth": True},
    "Microsoft.KeyVault/vaults": {
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
        "enablePurgeProtection": True,
    },
    "Microsoft.Web/sites": {"httpsOnly": True, "siteConfig.minTlsVersion": "1.2"},
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"allow": False},
}
SIGN_IN: dict[str, Value] = {
    "platform.enabled": True,
    "globalValidation.requireAuthentication": True,
    "globalValidation.unauthenticatedClientAction": "RedirectToLoginPage",
    "globalValidation.excludedPaths": ["/api/dataverse/events", "/api/health"],
    "httpSettings.requireHttps": True,
    "login.tokenStore.enabled": False,
}
SECRET_FUNCTIONS = re.compile(r"\b(listKeys|listAccountSas|listServiceSas|getSecret|list[A-Z]\w*)\s*\(")
SECRET_NAMES = re.compile(r"key|secret|password|token|connection", re.IGNORECASE)
# By name they could be secrets; by nature they are addresses. Application Insights takes Entra tokens only.
PUBLIC_OUTPUTS = {
    *("fingerprintKeyUri", "healthKeyUri", "businessCentralSecretUri", "businessCentralCertificateUri"),
    *("navAccessKeyUri", "connectionString", "KEY_VAULT_NAME"),
}
LOGGED = (
    "Microsoft.ServiceBus/namespaces",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.KeyVault/vaults",
    "Microsoft.Web/sites",
)


def resources_are_closed(infra: Infra) -> Iterator[str]:
    """The facts above."""
    for kind, facts in FACTS.items():
        found = infra.resources(kind)
        if not found:
            yield f"there is no {kind}"
        for resource in found:
            for path, wanted in facts.items():
                value = _at(resource, path)
                if value != wanted or type(value) is not type(wanted):
                    yield f"{kind} {resource.symbol}: {path} is {value!r}, not {wanted!r}"


def _at(resource: Resource, path: str) -> Value:
    value: Value = properties(resource)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def dataverse_can_only_send(infra: Infra) -> Iterator[str]:
    """One rule, on the queue that Dataverse posts to."""
    rules = infra.resources("Microsoft.ServiceBus/namespaces/queues/authorizationRules")
    if [rule.body.get("parent") for rule in rules] != ["dataverseEvents"]:
        yield "there must be one SAS rule, on dataverse-events"


def no_secret_leaves(infra: Infra) -> Iterator[str]:
    """No output holds a secret, no template lists keys, secrets come in only marked as such."""
    for path, file in infra.files.items():
        for match in SECRET_FUNCTIONS.finditer(infra.texts[path]):
            yield f"{path}: {match[1]}() reads a secret"
        secrets = [name for name, one in file.params.items() if "secure" in one.decorators]
        for name, output in file.outputs.items():
            if SECRET_NAMES.search(name) and name not in PUBLIC_OUTPUTS:
                yield f"{path}: output {name} may be a secret"
            if any(re.search(rf"\b{secret}\b", str(output.value)) for secret in secrets):
                yield f"{path}: output {name} holds a secret"
        for name, one in file.params.items():
            if name.endswith("Key") and "secure" not in one.decorators:
                yield f"{path}: parameter {name} is not marked @secure()"
            if "secure" in one.decorators and one.has_value and str(one.value) not in {"newGuid()", ""}:
                yield f"{path}: parameter {name} has a secret as its default"
    for path, given in infra.parameter_files.items():
        secure = {name for name, one in infra.main.params.items() if "secure" in one.decorators}
        written = {name for name in given if not str(given[name]).startswith("readEnvironmentVariable(")}
        yield from (f"{path}: {name} is a secret" for name in secure & written)


def keys_are_made_once(infra: Infra) -> Iterator[str]:
    """A deployment never replaces a key: a new fingerprint key has every customer looked at again."""
    for secret in infra.resources("Microsoft.KeyVault/vaults/secrets"):
        if "onlyIfNotExists" not in secret.decorators:
            yield f"{secret.symbol} is replaced by each deployment"


def everything_is_logged_and_tagged(infra: Infra) -> Iterator[str]:
    """Diagnostic settings of what matters; tags wherever a resource has a place for them."""
    scopes = {str(one.body.get("scope")) for one in infra.resources("Microsoft.Insights/diagnosticSettings")}
    for kind in LOGGED:
        for resource in infra.resources(kind):
            if resource.symbol not in scopes:
                yield f"{resource.symbol} ({kind}) has no diagnostic settings"
    for path, file in infra.files.items():
        for one in file.resources:
            if not one.existing and "location" in one.body and "tags" not in one.body:
                yield f"{path}: {one.symbol} has no tags"


def people_sign_in_before_the_page(infra: Infra) -> Iterator[str]:
    """With an application for the sign-in, all is behind it but the two functions that take keys."""
    login = infra.site_configuration("authsettingsV2")
    if "consoleClientId" not in login.condition:
        yield "the sign-in must be there only with consoleClientId"
    for path, wanted in SIGN_IN.items():
        if (value := _at(login, path)) != wanted:
            yield f"sign-in: {path} is {value!r}, not {wanted!r}"


SECURITY_CHECKS = (
    people_sign_in_before_the_page,
    resources_are_closed,
    dataverse_can_only_send,
    no_secret_leaves,
    keys_are_made_once,
    everything_is_logged_and_tagged,
)
