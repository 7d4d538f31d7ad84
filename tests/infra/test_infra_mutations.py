"""Every check of infra/ by itself can fail: one change at a time, and the check that must notice it."""

from collections.abc import Callable, Iterator

import pytest

from tests.infra import file_checks as files
from tests.infra import security_checks as security
from tests.infra.templates import APP, BUS, LOG_ALERTS, MAIN, MONITORING, PROD, STORAGE, VAULT, Infra

type InfraCheck = Callable[[Infra], Iterator[str]]

# check, file, what stands there, what stands there instead, what the check must say
INFRA_MUTATIONS: list[tuple[InfraCheck, str, str, str, str]] = [
    (
        files.every_file_parses,
        MAIN,
        "param tags object = {}",
        "param tags object = {",
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
        "param tags object = {}",
        "param tags object = {}\nparam more int = 1",
        "more",
    ),
    (
        files.every_resource_is_reviewed,
        BUS,
        "namespaces@2024-01-01' = {",
        "namespaces@2017-04-01' = {",
        "2017-04-01",
    ),
    (files.every_resource_is_reviewed, APP, "serverfarms@", "serverFarm@", "serverFarm"),
    (files.every_property_is_known, BUS, "requiresSession: true", "requireSession: true", "requireSession"),
    (files.every_property_is_known, APP, "instanceMemoryMB: inst", "instanceMemory: inst", "instanceMemory"),
    (files.every_property_is_known, LOG_ALERTS, "timeAggregation: 'Max", "aggregation: 'Max", "aggregation"),
    (files.every_parameter_fits, PROD, '"operationsCompany"', '"company"', "operationsCompany is missing"),
    (files.every_parameter_fits, PROD, '"Standard_ZRS"', '"Standard_XRS"', "is none of"),
    (files.every_parameter_fits, PROD, '"value": 2\n', '"value": 99\n', "beyond maxValue"),
    (files.every_parameter_fits, PROD, '"value": true', '"value": "true"', "is no bool"),
    (files.every_parameter_fits, PROD, "MAX_CREATES_PER_HOUR", "MAX_CREATES", "has no member MAX_CREATES"),
    (files.every_parameter_fits, PROD, '"throttled": 10,', "", "lacks throttled"),
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
        '"storageSku"',
        '"healthKey": {"value": "x"}, "storageSku"',
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
    every = {*files.FILE_CHECKS, *security.SECURITY_CHECKS}
    assert {check.__name__ for check in every - {row[0] for row in INFRA_MUTATIONS}} == set()
