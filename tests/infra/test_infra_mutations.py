"""Every check of infra/ by itself can fail: one change at a time, and the check that must notice it."""

from collections.abc import Callable, Iterator

import pytest

from tests.infra import file_checks as files
from tests.infra import security_checks as security
from tests.infra import type_checks as types
from tests.infra.templates import (
    ACCESS,
    ALERTS,
    APP,
    AZD,
    BUS,
    LOG_ALERTS,
    MAIN,
    MONITORING,
    NAV,
    NETWORK,
    PROD,
    STORAGE,
    TYPES,
    VAULT,
    Infra,
)

type InfraCheck = Callable[[Infra], Iterator[str]]

# check, file, what stands there, what stands there instead, what the check must say
INFRA_MUTATIONS: list[tuple[InfraCheck, str, str, str, str]] = [
    (
        security.people_sign_in_before_the_page,
        APP,
        "        '/api/health'\n",
        "        '/api'\n",
        "excludedPaths",
    ),
    (
        security.people_sign_in_before_the_page,
        APP,
        "'RedirectToLoginPage'",
        "'AllowAnonymous'",
        "unauthenticatedClientAction",
    ),
    (
        security.people_sign_in_before_the_page,
        APP,
        " = if (!empty(consoleClientId)) {",
        " = {",
        "only with consoleClientId",
    ),
    (
        files.every_file_parses,
        MAIN,
        "param tags Tags = {}",
        "param tags Tags = {",
        "main.bicep: line",
    ),
    (files.every_file_parses, STORAGE, "  name: packageContainer\n", "  name: 'unclosed\n", "storage.bicep"),
    (files.every_file_parses, MAIN, "'modules/alerts.bicep'", "'br/public:avm/x:1.0'", "from a registry"),
    (
        files.modules_are_called_as_declared,
        MAIN,
        "'modules/alerts.bicep'",
        "'modules/alarms.bicep'",
        "no modules",
    ),
    (
        files.modules_are_called_as_declared,
        MAIN,
        "    emails: alertEmails",
        "    mails: alertEmails",
        "parameter mails",
    ),
    (
        files.modules_are_called_as_declared,
        MAIN,
        "    emails: alertEmails\n",
        "",
        "needs the parameter emails",
    ),
    (
        files.modules_are_called_as_declared,
        MAIN,
        "outputs.hostName",
        "outputs.hostname",
        "no output hostname",
    ),
    (
        files.every_name_is_declared,
        STORAGE,
        "publicNetworkAccess ? 'Ena",
        "publicAccess ? 'Ena",
        "publicAccess",
    ),
    (files.every_name_is_declared, MAIN, "toLower(", "lowercase(", "unknown function lowercase"),
    (
        files.every_name_is_declared,
        MAIN,
        "param tags Tags = {}",
        "param tags Tags = {}\nparam more int = 1",
        "more",
    ),
    (files.every_import_is_there, TYPES, "@export()\n@description('Tags", "@description('Tags", "no Tags"),
    (files.every_import_is_there, ALERTS, "'../types.bicep'", "'types.bicep'", "exports no AlertThresholds"),
    (files.every_import_is_there, MAIN, "param tags Tags", "param tags object", "says nothing"),
    (
        files.a_what_if_can_show_every_role,
        MAIN,
        "    vaultName: vaultName",
        "    vaultName: keyVault.outputs.name",
        "vault has vaultName in its name",
    ),
    (
        files.a_what_if_can_show_every_role,
        ACCESS,
        "guid(vault.id, identity.id, ",
        "guid(vault.id, appPrincipalId, ",
        "appPrincipalId in its name",
    ),
    (
        files.modules_have_no_names_of_their_own,
        ALERTS,
        "'log_alerts.bicep' = {",
        "'log_alerts.bicep' = {\n  name: 'x'",
        "logAlerts is named",
    ),
    (
        types.every_resource_fits_its_type,
        BUS,
        "namespaces@2026-01-01' = {",
        "namespaces@2017-04-01' = {",
        "2017-04-01",
    ),
    (types.every_resource_fits_its_type, APP, "serverfarms@", "serverFarm@", "serverFarm"),
    (types.every_resource_fits_its_type, APP, "name: 'appsettings'", "name: 'appSettings'", "type is not in"),
    (
        types.every_resource_fits_its_type,
        BUS,
        "requiresSession: true",
        "requireSession: true",
        "requireSession",
    ),
    (
        types.every_resource_fits_its_type,
        APP,
        "instanceMemoryMB: inst",
        "instanceMemory: inst",
        "instanceMemory",
    ),
    (
        types.every_resource_fits_its_type,
        APP,
        "instanceCount: alw",
        "instances: alw",
        "no property instances",
    ),
    (types.every_resource_fits_its_type, VAULT, "      family: 'A'\n", "", "sku lacks family"),
    (
        types.every_resource_fits_its_type,
        MONITORING,
        "    Application_Type: 'web'\n",
        "",
        "lacks Application_",
    ),
    (types.every_resource_fits_its_type, STORAGE, "bypass: 'AzureS", "bypass: 'AzurS", "is none of"),
    (types.every_resource_fits_its_type, BUS, "rights: ['Send']", "rights: ['Sent']", "is none of"),
    (types.every_resource_fits_its_type, BUS, "rights: ['Send']", "rights: 'Send'", "which is no array"),
    (
        types.every_resource_fits_its_type,
        BUS,
        "requiresSession: true",
        "requiresSession: 'yes'",
        "is no bool",
    ),
    (
        types.every_resource_fits_its_type,
        BUS,
        "    minimumTlsVersion: '1.2'",
        "    minimumTlsVersion: '1.2'\n    serviceBusEndpoint: 'x'",
        "serviceBusEndpoint is read only",
    ),
    (
        types.every_resource_fits_its_type,
        ALERTS,
        "'odata.type': 'Microsoft.Azure.Monitor.Single",
        "'odata.type': 'Microsoft.Azure.Monitor.Sole",
        "no form",
    ),
    (
        types.every_resource_fits_its_type,
        ALERTS,
        "'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'",
        "'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'",
        "criteria has no property allOf",
    ),
    (
        types.every_resource_fits_its_type,
        ALERTS,
        "operator: 'LessThan'",
        "operator: 'Below'",
        "operator is 'Below'",
    ),
    (
        types.every_resource_fits_its_type,
        LOG_ALERTS,
        "timeAggregation: 'Max",
        "aggregation: 'Max",
        "aggregation",
    ),
    (types.every_resource_fits_its_type, LOG_ALERTS, "    severity: 1", "    severity: 'high'", "'high'"),
    (types.every_parameter_fits, PROD, "dataverseUrl =", "salesUrl =", "dataverseUrl is missing"),
    (
        types.every_parameter_fits,
        NAV,
        "param target = 'nav'",
        "param target = 'navision'",
        "target is none of",
    ),
    (
        types.every_parameter_fits,
        AZD,
        "('TARGET', 'operations')",
        "('TARGET', 'operation')",
        "target is none of",
    ),
    (types.every_parameter_fits, NAV, "'../../main.bicep'", "'../main.bicep'", "not for main.bicep"),
    (types.every_resource_fits_its_type, NETWORK, "dnsServers: dns", "servers: dns", "no property servers"),
    (types.every_parameter_fits, PROD, "operationsCompany =", "company =", "no parameter company"),
    (types.every_parameter_fits, PROD, "'../main.bicep'", "'main.bicep'", "not for main.bicep"),
    (types.every_parameter_fits, PROD, "param tags = {", "param tags = [", "prod.bicepparam: line"),
    (types.every_parameter_fits, PROD, "'Standard_ZRS'", "'Standard_XRS'", "is none of"),
    (types.every_parameter_fits, PROD, "alwaysReadyInstances = 2", "alwaysReadyInstances = 99", "beyond max"),
    (types.every_parameter_fits, PROD, "zoneRedundant = true", "zoneRedundant = 'true'", "is no bool"),
    (types.every_parameter_fits, PROD, "zoneRedundant = true", "zoneRedundant = yes()", "is yes()"),
    (types.every_parameter_fits, PROD, "'high'", "1", "criticality is no string"),
    (types.every_parameter_fits, PROD, "'oncall@contoso.com'", "7", "alertEmails is no string"),
    (types.every_parameter_fits, PROD, "MAX_CREATES_PER_HOUR", "MAX_CREATES", "has no member MAX_CREATES"),
    (types.every_parameter_fits, PROD, "  throttled: 10\n", "", "lacks throttled"),
    (types.every_parameter_fits, PROD, "'P1D'", "'PT12H'", "silenceWindow is 'PT12H'"),
    (
        types.every_parameter_fits,
        AZD,
        "location = readEnvironmentVariable(",
        "location = readEnvironment(",
        "location is read",
    ),
    (files.the_workbook_is_whole, "workbook.json", "__WORKSPACE__", "_WORKSPACE_", "__WORKSPACE__"),
    (files.the_workbook_is_whole, "workbook.json", "Notebook/1.0", "Notebook", "no workbook"),
    (
        security.resources_are_closed,
        STORAGE,
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
        "Shared",
    ),
    (security.resources_are_closed, STORAGE, "    minimumTlsVersion: 'TLS1_2'\n", "", "minimumTls"),
    (security.resources_are_closed, BUS, "rights: ['Send']", "rights: ['Send', 'Listen']", "rights"),
    (security.resources_are_closed, MONITORING, "    DisableLocalAuth: true\n", "", "DisableLocalAuth"),
    (security.resources_are_closed, APP, "httpsOnly: true", "httpsOnly: false", "httpsOnly"),
    (
        security.resources_are_closed,
        VAULT,
        "enablePurgeProtection: true",
        "enablePurgeProtection: false",
        "Purge",
    ),
    (security.dataverse_can_only_send, BUS, "parent: dataverseEvents", "parent: namespace", "one SAS rule"),
    (security.no_secret_leaves, BUS, "dataverseSend.name", "dataverseSend.listKeys().primaryKey", "listKeys"),
    (
        security.no_secret_leaves,
        VAULT,
        "output name string = vault.name",
        "output name string = healthKey",
        "holds",
    ),
    (
        security.no_secret_leaves,
        VAULT,
        "@secure()\nparam healthKey",
        "param healthKey",
        "not marked @secure()",
    ),
    (
        security.no_secret_leaves,
        MAIN,
        "param healthKey string = newGuid()",
        "param healthKey string = 'x'",
        "default",
    ),
    (
        security.no_secret_leaves,
        PROD,
        "param storageSku",
        "param healthKey = 'x'\nparam storageSku",
        "is a secret",
    ),
    (security.keys_are_made_once, VAULT, "@onlyIfNotExists()\nresource fing", "resource fing", "fingerprint"),
    (
        security.everything_is_logged_and_tagged,
        BUS,
        "  scope: namespace\n",
        "  scope: accountChanges\n",
        "diagnostic",
    ),
    (
        security.everything_is_logged_and_tagged,
        VAULT,
        "  location: location\n  tags: tags\n",
        "  location: location\n",
        "tags",
    ),
]


@pytest.fixture(scope="module")
def infra() -> Infra:
    return Infra.read()


@pytest.mark.parametrize(("check", "path", "old", "new", "says"), INFRA_MUTATIONS)
def test_a_fault_in_infra_is_noticed(
    infra: Infra, check: InfraCheck, path: str, old: str, new: str, says: str
) -> None:
    assert says in "\n".join(check(infra.changed(path, old, new)))


def test_every_check_is_shown_to_fail() -> None:
    every = {*files.FILE_CHECKS, *types.TYPE_CHECKS, *security.SECURITY_CHECKS}
    assert {check.__name__ for check in every - {row[0] for row in INFRA_MUTATIONS}} == set()
