"""What the app has without its counterpart in infra/ is noticed, and the other way round."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.infra import agreement_checks as agree
from tests.infra import settings_checks as settings
from tests.infra import target_checks as targets
from tests.infra.alert_checks import ALERT_CHECKS
from tests.infra.alert_checks import alerts_look_back_far_enough as look_back
from tests.infra.alert_checks import alerts_look_for_what_the_app_writes as alerts_look
from tests.infra.alert_checks import alerts_say_for_what_and_what_to_do as alerts_say
from tests.infra.alert_checks import queries_read_log_lines_alone as lines_alone
from tests.infra.alert_checks import windows_are_allowed as windows
from tests.infra.app import AppNeeds, Trigger
from tests.infra.templates import (
    ACCESS,
    ALERTS,
    APP,
    AZD,
    BUS,
    BUSINESS_CENTRAL,
    LOG_ALERTS,
    MAIN,
    NAV,
    NETWORK,
    PROD,
    TYPES,
    VAULT,
    Infra,
)

type AgreementCheck = Callable[[Infra, AppNeeds], Iterator[str]]
type AppChange = Callable[[AppNeeds], AppNeeds]


# check, file, what stands there, what stands there instead, what the check must say
AGREEMENT_MUTATIONS: list[tuple[AgreementCheck, str, str, str, str]] = [
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        ACCESS,
        " = if (appOwnsQueues || withConsole) {",
        " = {",
        "appOwnsRejected must depend",
    ),
    (
        settings.every_setting_has_its_place,
        MAIN,
        "      DATAVERSE_URL: dataverseUrl\n",
        "",
        "DATAVERSE_URL is required",
    ),
    (
        settings.every_setting_has_its_place,
        TYPES,
        "  SETTLE_SECONDS: string?\n",
        "",
        "SETTLE_SECONDS is a setting",
    ),
    (
        settings.every_setting_has_its_place,
        TYPES,
        "  SETTLE_SECONDS:",
        "  SETTEL_SECONDS:",
        "tune SETTEL_SECONDS",
    ),
    (
        settings.every_setting_has_its_place,
        APP,
        "  TABLES_ENDPOINT:",
        "  TABLE_ENDPOINT:",
        "sets TABLE_ENDPOINT",
    ),
    (
        settings.every_setting_has_its_place,
        APP,
        "    CREDENTIAL:",
        "    LOCAL_TOKEN: 'x'\n    CREDENTIAL:",
        "LOCAL_TOKEN",
    ),
    (
        settings.every_setting_has_its_place,
        APP,
        "    ServiceBus__credential: 'managedidentity'\n",
        "",
        "ServiceBus__credential",
    ),
    (
        targets.secrets_stay_in_the_vault,
        APP,
        "'@Microsoft.KeyVault(SecretUri=${fingerprintKeyUri})'",
        "fingerprintKeyUri",
        "FINGERPRINT_KEY is a secret",
    ),
    *(
        (
            targets.secrets_stay_in_the_vault,
            MAIN,
            f"'@Microsoft.KeyVault(SecretUri=${{keyVault.outputs.{output}}})'",
            "'plain'",
            f"({way}): {setting} is a secret",
        )
        for way, setting, output in (
            ("secret", "BUSINESS_CENTRAL_CLIENT_SECRET", "businessCentralSecretUri"),
            ("certificate", "BUSINESS_CENTRAL_CERTIFICATE", "businessCentralCertificateUri"),
            ("secret", "NAV_ACCESS_KEY", "navAccessKeyUri"),
        )
    ),
    (
        targets.secrets_stay_in_the_vault,
        MAIN,
        "outputs.navAccessKeyUri",
        "outputs.businessCentralSecretUri",
        "NAV_ACCESS_KEY refers to business-central-client-secret",
    ),
    (
        targets.secrets_stay_in_the_vault,
        VAULT,
        "secrets/nav-access-key'",
        "secrets/nav-key'",
        "NAV_ACCESS_KEY refers to nav-key",
    ),
    (
        targets.secrets_stay_in_the_vault,
        TYPES,
        "  SETTLE_SECONDS: string?\n",
        "  NAV_ACCESS_KEY: string?\n",
        "NAV_ACCESS_KEY is a secret and may be tuned",
    ),
    (
        targets.each_target_has_its_own_settings_alone,
        MAIN,
        "    NAV_USER: navUser\n",
        "",
        "nav (secret): NAV_USER is not set",
    ),
    (
        targets.each_target_has_its_own_settings_alone,
        MAIN,
        "    NAV_USER: navUser\n",
        "    NAV_USER: navCompany\n",
        "NAV_USER is navCompany, not the parameter navUser",
    ),
    (
        targets.each_target_has_its_own_settings_alone,
        MAIN,
        "    BUSINESS_CENTRAL_SCOPE: businessCentralScope\n",
        "",
        "business-central (managed-identity): BUSINESS_CENTRAL_SCOPE is not set",
    ),
    (
        targets.each_target_has_its_own_settings_alone,
        MAIN,
        "  'managed-identity': {}",
        "  'managed-identity': {\n    BUSINESS_CENTRAL_CLIENT_ID: 'x'\n  }",
        "(managed-identity): BUSINESS_CENTRAL_CLIENT_ID is set and not",
    ),
    (
        targets.each_target_has_its_own_settings_alone,
        MAIN,
        "      TARGET: target\n",
        "      TARGET: target\n      OPERATIONS_URL: operationsUrl\n",
        "nav (secret): OPERATIONS_URL is set and not the target's",
    ),
    (
        targets.each_target_has_its_own_settings_alone,
        MAIN,
        "settingsOfTargets[target]",
        "settingsOfTargets['nav']",
        "operations (secret): OPERATIONS_URL is not set",
    ),
    (
        targets.partitions_are_those_of_the_target,
        MAIN,
        "? 4 : 8",
        "? 3 : 8",
        "SYNC_PARTITIONS is 3, the app's own default is 4",
    ),
    (
        targets.field_maps_set_nothing_of_the_app,
        NAV,
        "param target = 'nav'",
        "param target = 'nav'\nparam fieldMapSettings = {\n  BUSINESS_CENTRAL_CLIENT_SECRET: 'x'\n}",
        "BUSINESS_CENTRAL_CLIENT_SECRET is a setting of the app",
    ),
    (
        targets.outgoing_traffic_takes_the_network,
        MAIN,
        "outputs.appSubnetId : appSubnetId",
        "outputs.appSubnetId : ''",
        "privateNetworking False",
    ),
    (
        targets.outgoing_traffic_takes_the_network,
        APP,
        "    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId\n",
        "",
        "goes through None",
    ),
    (
        targets.outgoing_traffic_takes_the_network,
        NETWORK,
        "addressPrefix, 26, 1)",
        "addressPrefix, 26, 0)",
        "do not share",
    ),
    (
        targets.outgoing_traffic_takes_the_network,
        NETWORK,
        "cidrSubnet(addressPrefix, 26, 0)",
        "'10.20.0.0/26'",
        "do not share",
    ),
    (
        targets.outgoing_traffic_takes_the_network,
        NETWORK,
        "'Microsoft.App/environments'",
        "'Microsoft.Web/serverFarms'",
        "delegated",
    ),
    (
        targets.outgoing_traffic_takes_the_network,
        NETWORK,
        "      dnsServers: dnsServers\n",
        "",
        "DNS servers",
    ),
    (
        settings.the_app_starts_with_what_infra_sets,
        MAIN,
        "string(syncPartitions)",
        "'many'",
        "SYNC_PARTITIONS",
    ),
    (settings.the_app_starts_with_what_infra_sets, PROD, "'10'", "''", "OPERATIONS_CUSTOMER_GROUP"),
    (
        settings.the_app_starts_with_what_infra_sets,
        NAV,
        "param navUser = 'ACCOUNTSYNC'\n",
        "",
        "nav.bicepparam: The app settings are not right:\n  - NAV_USER: is missing",
    ),
    (
        settings.the_app_starts_with_what_infra_sets,
        BUSINESS_CENTRAL,
        "param businessCentralClientId",
        "param businessCentralTenantId",
        "BUSINESS_CENTRAL_CLIENT_ID: is missing",
    ),
    (
        settings.the_app_starts_with_what_infra_sets,
        MAIN,
        "? 4 : 8",
        "? 8 : 8",
        "SYNC_PARTITIONS: is 8; Business Central allows 4",
    ),
    (
        settings.the_app_starts_with_what_infra_sets,
        MAIN,
        "param fieldMap string = ''",
        "param fieldMap string = 'operations'",
        "FIELD_MAP: operations.toml is a map for operations, and TARGET is nav",
    ),
    (
        settings.the_app_starts_with_what_infra_sets,
        AZD,
        "readEnvironmentVariable('NAV_USER', '')",
        "''",
        "main.bicepparam nav: The app settings are not right:\n  - NAV_USER: is missing",
    ),
    (
        settings.the_app_starts_with_what_infra_sets,
        MAIN,
        "      TARGET: target\n",
        "",
        "no parameter file is for nav",
    ),
    (
        settings.choices_are_the_same,
        MAIN,
        "['match', 'adopt', 'park']",
        "['match', 'adopt']",
        "EXISTING_CUSTOMER",
    ),
    (
        settings.choices_are_the_same,
        MAIN,
        "@allowed(['operations', 'business-central', 'nav'])",
        "@allowed(['operations', 'nav'])",
        "TARGET: infra allows",
    ),
    (settings.choices_are_the_same, MAIN, "['v4', 'v3']", "['v4']", "NAV_PROTOCOL: infra allows"),
    (
        settings.choices_are_the_same,
        MAIN,
        "['azure-monitor', 'otlp', 'none']",
        "['azure-monitor', 'none']",
        "TELEMETRY: infra allows",
    ),
    (
        agree.the_runtime_is_the_same,
        MAIN,
        "      TELEMETRY: telemetry\n",
        "      TELEMETRY: telemetry\n      PYTHON_ENABLE_OPENTELEMETRY: 'true'\n",
        "drop the app's log lines",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        BUS,
        "name: 'rejected-events'",
        "name: 'rejected'",
        "rejected-events",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        BUS,
        "requiresSession: true",
        "requiresSession: false",
        "requiresSession",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        BUS,
        "lockDuration: 'PT1M'",
        "lockDuration: 'PT5M'",
        "lockDuration",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        APP,
        "ServiceBus__clientId",
        "Bus__clientId",
        "trigger needs it",
    ),
    (agree.what_is_registered_is_there, BUS, "'dataverse-send'", "'send'", "dataverse-send"),
    (agree.changes_are_ordered_and_not_doubled, BUS, "'PT10M'", "'PT1M'", "duplicateDetection"),
    (agree.changes_are_ordered_and_not_doubled, BUS, "    maxDeliveryCount: 100\n", "", "maxDeliveryCount"),
    (agree.every_table_is_declared, MAIN, "  'Control'\n", "", "lacks the table Control"),
    (agree.every_table_is_declared, MAIN, "  'Control'\n", "  'Control'\n  'Extra'\n", "the table Extra"),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        ACCESS,
        "scope: rejectedEvents",
        "scope: accountChanges",
        "lacks",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        ACCESS,
        "roleDefinitionId: secretsUser",
        "roleDefinitionId: busOwner",
        "Data Owner on vault and does not need it",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        ACCESS,
        "scope: tables[index]",
        "scope: storage",
        "storage",
    ),
    (
        agree.operators_may_operate_and_no_more,
        ACCESS,
        "roleDefinitionId: busOwner",
        "roleDefinitionId: sender",
        "lack",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        ACCESS,
        " = if (appOwnsQueues || withConsole) {",
        " = {",
        "appOwnsEvents must depend",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        MAIN,
        "param appOwnsQueues bool = true",
        "param appOwnsQueues bool = false",
        "Data Owner on account-changes and does not need it",
    ),
    (
        agree.the_deployer_may_ask_with_the_health_key,
        ACCESS,
        "scope: healthKey",
        "scope: vault",
        "not Key Vault Secrets User on the health key",
    ),
    (agree.role_ids_are_right, ACCESS, "4f6d3b9b", "4f6d3b9c", "is not the id"),
    (
        agree.role_ids_are_right,
        ACCESS,
        "guid(vault.id, identity.id, secretsUser)",
        "guid(vault.id)",
        "follow",
    ),
    (agree.the_host_keeps_its_locks, MAIN, "@maxValue(8)", "@maxValue(16)", "syncPartitions may be 16"),
    (
        agree.the_host_keeps_its_locks,
        PROD,
        "MAX_CREATES_PER_HOUR: '500'",
        "INVOCATION_DEADLINE_SECONDS: '590'",
        "functionTimeout",
    ),
    (
        agree.the_host_keeps_its_locks,
        PROD,
        "MAX_CREATES_PER_HOUR: '500'",
        "QUEUE_WAIT_SECONDS: '55'",
        "giving back",
    ),
    (
        agree.the_host_keeps_its_locks,
        PROD,
        "MAX_CREATES_PER_HOUR: '500'",
        "SETTLE_SECONDS: '400'",
        "duplicates",
    ),
    (agree.the_runtime_is_the_same, APP, "version: '3.13'", "version: '3.12'", "3.12"),
    (agree.the_runtime_is_the_same, APP, "'function:sync_account'", "'function:sync'", "kept warm"),
    (
        agree.the_runtime_is_the_same,
        APP,
        "    CREDENTIAL:",
        "    FUNCTIONS_WORKER_RUNTIME: 'python'\n    CREDENTIAL:",
        "Flex",
    ),
    (alerts_look, LOG_ALERTS, '"set-up is wrong: "', '"setup is wrong: "', "no line"),
    (alerts_look, LOG_ALERTS, '", account " Account', '", acct " Account', "has the parts"),
    (alerts_look, LOG_ALERTS, "name: 'silence'", "name: 'quiet'", "silence"),
    (alerts_look, ALERTS, "'rejected-events'", "'rejects'", "no alert watches"),
    (alerts_look, LOG_ALERTS, '"heal runs"', '"heal ran"', 'starts with "heal ran"'),
    (alerts_look, LOG_ALERTS, '"doctor: "', '"the doctor: "', 'starts with "the doctor: "'),
    (alerts_look, LOG_ALERTS, '" minutes, "', '" hours, "', "has the parts"),
    (
        lines_alone,
        LOG_ALERTS,
        'AppTraces\n      | where Message startswith "heal',
        "AppRequests\n| x",
        "AppRequests",
    ),
    (lines_alone, LOG_ALERTS, "AppTraces", "traces", "begins with traces"),
    (lines_alone, "workbook.json", "AppTraces\\n| where", "dependencies\\n| where", "reads dependencies"),
    (windows, LOG_ALERTS, "window: 'PT1H'", "window: 'PT12H'", "PT12H is no window of a log alert"),
    (look_back, LOG_ALERTS, "lookBack: 'PT6H'", "lookBack: 'PT12H'", "does not look back for PT12H"),
    (look_back, LOG_ALERTS, "lookBack: 'PT6H'", "lookBack: 'PT5M'", "oldest: looks back for PT5M"),
    (look_back, LOG_ALERTS, "overrideQueryTimeRange: rule.lookBack\n", "\n", "no alert looks back"),
    (alerts_say, LOG_ALERTS, "name: rule.dimension", "name: 'System'", "no alert fires for each value"),
    (alerts_say, ALERTS, "logicAppReceivers: empty(logicAppId)", "x: empty(logicAppId)", "no channel"),
    (alerts_say, LOG_ALERTS, "dimension: 'Cause'", "dimension: 'System'", "parked: its dimension"),
    (alerts_say, LOG_ALERTS, "dimension: 'Cause'", "dimension: ''", "parked: its dimension"),
    (alerts_say, LOG_ALERTS, "count() by System", "count()", "set-up-wrong: its dimension"),
    (alerts_say, LOG_ALERTS, "#${rule.name}", "", "log_alerts: the actions"),
    (alerts_say, ALERTS, "#${rule.name}", "", "alerts: the properties"),
    (alerts_say, ALERTS, "useCommonAlertSchema: true", "useCommonAlertSchema: false", "common alert schema"),
    (windows, TYPES, "'PT6H'", "'PT12H'", "silenceWindow: PT12H"),
    (windows, LOG_ALERTS, "? 'P1D'", "? 'P3D'", "silence: P3D"),
    (windows, LOG_ALERTS, "frequency: 'PT5M'", "frequency: 'PT7M'", "PT7M is no frequency"),
    (windows, ALERTS, "window: 'PT15M'", "window: 'PT20M'", "PT20M is no window of a metric alert"),
    (alerts_look, "workbook.json", 'startswith \\"intake \\"', 'startswith \\"event \\"', "no line"),
]

APP_MUTATIONS: list[tuple[AgreementCheck, AppChange, str]] = [
    (
        settings.every_setting_has_its_place,
        lambda app: replace(app, settings=app.settings | {"NEW_SETTING": 1}),
        "NEW_SETTING is a setting",
    ),
    (
        settings.every_setting_has_its_place,
        lambda app: replace(app, required=app.required | {"NEW_SETTING"}),
        "NEW_SETTING is required",
    ),
    (
        settings.every_setting_has_its_place,
        lambda app: replace(app, settings={k: v for k, v in app.settings.items() if k != "FIELD_MAP"}),
        "infra sets FIELD_MAP",
    ),
    (
        settings.the_example_has_every_setting,
        lambda app: replace(app, settings=app.settings | {"NEW_SETTING": 1}),
        "lacks NEW_SETTING",
    ),
    (
        settings.the_example_has_every_setting,
        lambda app: replace(app, example=app.example | {"OLD_SETTING": "1"}),
        "has OLD_SETTING",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        lambda app: replace(
            app, triggers=(*app.triggers, Trigger("new-queue", "ServiceBus", sessions=False))
        ),
        "uses the queue new-queue",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        lambda app: replace(app, senders=frozenset()),
        "the queue rejected-events, the app uses none",
    ),
    (
        agree.every_queue_is_as_the_app_needs_it,
        lambda app: replace(
            app, broker={name: p | {"MaxDeliveryCount": 3} for name, p in app.broker.items()}
        ),
        "maxDeliveryCount",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        lambda app: replace(app, senders=app.senders | {"dataverse-events"}),
        "lacks Azure Service Bus Data Sender on dataverse-events",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        lambda app: replace(app, senders=app.senders - {"rejected-events"}),
        "Sender on rejected-events and does not need it",
    ),
    (
        agree.the_app_may_do_what_it_does_and_no_more,
        lambda app: replace(app, triggers=app.triggers[:1]),
        "does not need it",
    ),
    (
        agree.every_table_is_declared,
        lambda app: replace(app, tables=(*app.tables, "NewTable")),
        "lacks the table NewTable",
    ),
    (agree.every_table_is_declared, lambda app: replace(app, tables=app.tables[1:]), "the app does not"),
    (
        agree.what_is_registered_is_there,
        lambda app: replace(app, routes=frozenset({"events"})),
        "/api/dataverse/events",
    ),
    (agree.the_host_keeps_its_locks, lambda app: _host(app, maxConcurrentSessions=4), "4 sessions"),
    (
        agree.the_host_keeps_its_locks,
        lambda app: _host(app, maxAutoLockRenewalDuration="00:01:00"),
        "not renewed for so long",
    ),
    (agree.the_host_keeps_its_locks, lambda app: _host(app, prefetchCount=50), "prefetch"),
    (agree.the_host_keeps_its_locks, lambda app: _host(app, sessionIdleTimeout="00:02:00"), "idle"),
    (
        agree.the_host_keeps_its_locks,
        lambda app: replace(app, host=app.host | {"functionTimeout": "00:02:00"}),
        "functionTimeout",
    ),
    (
        agree.the_host_keeps_its_locks,
        lambda app: replace(app, settings=app.settings | {"INVOCATION_DEADLINE_SECONDS": 1200}),
        "functionTimeout",
    ),
    (
        agree.the_runtime_is_the_same,
        lambda app: replace(app, settings=app.settings | {"PYTHON_ENABLE_OPENTELEMETRY": "true"}),
        "drop the app's log lines",
    ),
    (
        agree.the_runtime_is_the_same,
        lambda app: replace(app, functions=app.functions - {"sync_account"}),
        "sync_account is kept warm",
    ),
    (alerts_look, lambda app: replace(app, log_lines=()), "no line of the app"),
]


def _host(app: AppNeeds, **bus: Any) -> AppNeeds:
    host = json.loads(json.dumps(app.host))
    host["extensions"]["serviceBus"] |= bus
    return replace(app, host=host)


@pytest.fixture(scope="module")
def infra() -> Infra:
    return Infra.read()


@pytest.fixture(scope="module")
def app() -> AppNeeds:
    return AppNeeds.read()


@pytest.mark.parametrize(("check", "path", "old", "new", "says"), AGREEMENT_MUTATIONS)
def test_infra_without_its_counterpart_in_the_app_is_noticed(
    infra: Infra, app: AppNeeds, check: AgreementCheck, path: str, old: str, new: str, says: str
) -> None:
    assert says in "\n".join(check(infra.changed(path, old, new), app))


@pytest.mark.parametrize(("check", "change", "says"), APP_MUTATIONS)
def test_the_app_without_its_counterpart_in_infra_is_noticed(
    infra: Infra, app: AppNeeds, check: AgreementCheck, change: AppChange, says: str
) -> None:
    assert says in "\n".join(check(infra, change(app)))


def test_every_check_is_shown_to_fail() -> None:
    every = {*settings.SETTINGS_CHECKS, *targets.TARGET_CHECKS, *agree.AGREEMENT_CHECKS, *ALERT_CHECKS}
    shown = {row[0] for row in (*AGREEMENT_MUTATIONS, *APP_MUTATIONS)}
    assert {check.__name__ for check in every - shown} == set()
