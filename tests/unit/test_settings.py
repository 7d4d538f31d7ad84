"""The configuration: complete, or refused with everything that is wrong with it."""

import json
import shutil
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import setting_types
from shared.console_settings import ConsoleLogin
from shared.environment import SettingsError, load_settings
from shared.setting_types import Credential
from shared.settings import Settings, environment_names

EXAMPLE: dict[str, str] = json.loads(
    (Path(__file__).parents[2] / "local.settings.json.example").read_text(encoding="utf-8")
)["Values"]
HOST_ONLY = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
IN_AZURE_INSTEAD = {"ServiceBus__fullyQualifiedNamespace", "TABLES_ENDPOINT", "AZURE_CLIENT_ID"}
OF_THE_PLATFORM = {"WEBSITE_HOSTNAME"}


IN_AZURE: dict[str, str | None] = {
    "CREDENTIAL": None,
    "LOCAL_TOKEN": None,
    "DATAVERSE_URL": "https://contoso.crm.dynamics.com",
    "OPERATIONS_URL": "https://contoso.operations.dynamics.com",
    "ServiceBus": None,
    "ServiceBus__fullyQualifiedNamespace": "contoso.servicebus.windows.net",
    "TABLES_CONNECTION": None,
    "TABLES_ENDPOINT": "https://contoso.table.core.windows.net",
}


def load(**changes: str | None) -> Settings:
    """The settings of the example with these changes; None removes one."""
    return load_settings({name: text for name, text in (EXAMPLE | changes).items() if text is not None})[0]


def refusal(**changes: str | None) -> str:
    with pytest.raises(SettingsError) as raised:
        load(**changes)
    return str(raised.value)


def test_the_example_works() -> None:
    settings = load()
    assert settings.credential is Credential.LOCAL
    assert settings.sync_partitions == 8
    assert settings.integration_user_id is None


def test_the_example_names_every_setting() -> None:
    assert set(EXAMPLE) - HOST_ONLY == set(environment_names().values()) - IN_AZURE_INSTEAD - {
        "WEBSITE_HOSTNAME"
    }


def test_the_example_shows_the_defaults() -> None:
    given_only = {name: EXAMPLE[name] for name in EXAMPLE if name in NEEDED}
    by_default, shown = load_settings(given_only)[0].model_dump(), load().model_dump()
    assert {name for name in shown if shown[name] != by_default[name]} == {
        "dataverse_organization_id",
        "health_key",
        *("field_map", "longest_request_seconds"),  # by default those of the ERP in use, which these are
    }


NEEDED = {
    *("ServiceBus", "TABLES_CONNECTION", "DATAVERSE_URL", "OPERATIONS_URL", "OPERATIONS_COMPANY"),
    *("OPERATIONS_CUSTOMER_GROUP", "FINGERPRINT_KEY", "CREDENTIAL", "LOCAL_TOKEN"),
}


@pytest.mark.parametrize("name", sorted(NEEDED - {"CREDENTIAL"}))
@pytest.mark.parametrize("text", [None, ""])
def test_a_missing_setting_is_named(name: str, text: str | None) -> None:
    report = refusal(**{name: text})
    assert name in report
    assert report.count("\n") == 1


HOST_SESSIONS = "AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentSessions"


@pytest.mark.parametrize(("partitions", "host"), [("9", None), ("16", "15")])
def test_more_partitions_than_the_host_has_sessions_are_refused(partitions: str, host: str | None) -> None:
    report = refusal(**{"SYNC_PARTITIONS": partitions, HOST_SESSIONS: host})
    assert "SYNC_PARTITIONS" in report
    assert "maxConcurrentSessions" in report
    assert report.count("\n") == 1


@pytest.mark.parametrize(("partitions", "host"), [("8", None), ("16", "16"), ("3", "8")])
def test_as_many_partitions_as_the_host_has_sessions_are_taken(partitions: str, host: str | None) -> None:
    settings = load(**{"SYNC_PARTITIONS": partitions, HOST_SESSIONS: host})
    assert settings.sync_partitions == int(partitions)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"CREDENTIAL": "magic", "SYNC_PARTITIONS": "0", "FIELD_MAP": "nowhere"})
    report = str(raised.value)
    for name in ("ServiceBus", "TABLES_CONNECTION", "DATAVERSE_URL", "OPERATIONS_URL", "FINGERPRINT_KEY"):
        assert name in report
    for name in ("CREDENTIAL", "SYNC_PARTITIONS", "FIELD_MAP"):
        assert name in report


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("DATAVERSE_URL", "contoso.crm.dynamics.com"), ("OPERATIONS_URL", "ftp://x")),
        *(("DATAVERSE_ORGANIZATION_ID", "contoso"), ("DATAVERSE_ORGANIZATION_ID", "5")),
        *(("CREDENTIAL", "password"), ("FINGERPRINT_KEY", "short"), ("INTEGRATION_USER_ID", "me")),
        *(("SYNC_PARTITIONS", "0"), ("SYNC_PARTITIONS", "101"), ("SYNC_PARTITIONS", "many")),
        *(("SETTLE_SECONDS", "-1"), ("SETTLE_SECONDS", "inf"), ("SETTLE_SECONDS", "nan")),
        *(("RETRY_FIRST_SECONDS", "0"), ("RETRY_ATTEMPTS", "0"), ("INVOCATION_DEADLINE_SECONDS", "0")),
        *(("RETRY_CAP_SECONDS", "inf"), ("RETRY_FIRST_SECONDS", "nan"), ("OPERATOR_RETRY_SECONDS", "inf")),
        *(("INVOCATION_DEADLINE_SECONDS", "inf"), ("SETTLE_SECONDS", "1e300"), ("DATAVERSE_URL", "https://")),
        *(("RECONCILE_AT", "24:00"), ("RECONCILE_AT", "2:30"), ("RECONCILE_AT", "night")),
        *(("EXISTING_CUSTOMER", "perhaps"), ("ON_DELETE", "remove"), ("ON_DEACTIVATE", "x")),
        *(("FIELD_MAP", "nowhere"), ("CURRENCY_CACHE_SECONDS", "x"), ("QUEUE_WAIT_SECONDS", "-5")),
        *(("ServiceBus", "nonsense"), ("TABLES_CONNECTION", "UseDevelopmentStorage=true")),
        *(
            ("BREAKER_FIRST_SECONDS", "1e300"),
            ("BREAKER_CAP_SECONDS", "604801"),
            ("BREAKER_FAILURES", "9" * 9),
        ),
        *(("RETRY_ATTEMPTS", "9" * 9), ("OPERATIONS_MAX_CONCURRENCY", "9" * 9), ("SYNC_PARTITIONS", "1e300")),
        *(("MAX_CREATES_PER_HOUR", "9" * 9), ("MAX_BLOCKS_PER_HOUR", "-1"), ("BREAKER_FAILURES", "1e300")),
        *(("LONGEST_REQUEST_SECONDS", "inf"), ("TRANSACTION_MARGIN_SECONDS", "-0.1")),
    ],
)
def test_a_wrong_value_is_named(name: str, text: str) -> None:
    assert name in refusal(**{name: text})


def test_a_setting_that_the_field_map_needs_is_named() -> None:
    report = refusal(OPERATIONS_COMPANY=" ")
    assert "OPERATIONS_COMPANY: is missing; the field map needs it" in report
    assert load(OPERATIONS_COMPANY=None, FIELD_MAP="operations-dual-write").operations_company is None


OWN_MAP = """
[company]
setting = "OPERATIONS_COMPANY"
[key]
column = "accountnumber"
[fields.SalesTaxGroup]
setting = "SALES_TAX_GROUP"
"""


def test_a_field_map_may_name_a_setting_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN_MAP, encoding="utf-8")
    field_map = str(tmp_path / "own.toml")
    found = load(FIELD_MAP=field_map, SALES_TAX_GROUP="DOM")
    assert (found.named("SALES_TAX_GROUP"), found.named("OPERATIONS_COMPANY")) == ("DOM", "usmf")
    report = refusal(FIELD_MAP=field_map, SALES_TAX_GROUP=" ")
    assert "SALES_TAX_GROUP: is missing; the field map needs it" in report


SECRETS = {
    *("ServiceBus", "TABLES_CONNECTION", "LOCAL_TOKEN", "FINGERPRINT_KEY", "HEALTH_KEY"),
    *("NAV_ACCESS_KEY", "BUSINESS_CENTRAL_CLIENT_SECRET", "BUSINESS_CENTRAL_CERTIFICATE"),
}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_field_map_cannot_send_a_secret(tmp_path: Path, name: str) -> None:
    (tmp_path / "own.toml").write_text(OWN_MAP.replace("SALES_TAX_GROUP", name), encoding="utf-8")
    assert f"{name}: is a secret" in refusal(FIELD_MAP=str(tmp_path / "own.toml"))


@pytest.mark.parametrize(
    ("here", "there"),
    [("ServiceBus", "ServiceBus__fullyQualifiedNamespace"), ("TABLES_CONNECTION", "TABLES_ENDPOINT")],
)
def test_of_two_ways_to_say_it_exactly_one_is_taken(here: str, there: str) -> None:
    host = "contoso.table.core.windows.net"
    in_azure = f"https://{host}" if there == "TABLES_ENDPOINT" else host
    assert load(**{here: None, there: in_azure})
    assert "both" in refusal(**{there: in_azure})
    assert "neither" in refusal(**{here: None})


def test_the_managed_identity_is_the_default_and_needs_no_token() -> None:
    settings = load(**IN_AZURE)
    assert settings.credential is Credential.MANAGED_IDENTITY


@pytest.mark.parametrize("credential", [None, "managed-identity", "default"])
@pytest.mark.parametrize("text", [None, "", " "])
def test_the_app_starts_only_if_it_knows_whose_events_it_takes(
    credential: str | None, text: str | None
) -> None:
    changes = IN_AZURE | {"CREDENTIAL": credential, "DATAVERSE_ORGANIZATION_ID": text}
    assert refusal(**changes).count("\n") == 1
    assert "DATAVERSE_ORGANIZATION_ID" in refusal(**changes)
    assert load(DATAVERSE_ORGANIZATION_ID=text).dataverse_organization_id is None


def test_the_tool_that_tells_the_organization_works_without_knowing_it() -> None:
    given = EXAMPLE | IN_AZURE | {"CREDENTIAL": "default", "DATAVERSE_ORGANIZATION_ID": ""}
    settings, _ = load_settings({name: text for name, text in given.items() if text}, takes_events=False)
    assert settings.dataverse_organization_id is None


def test_addresses_lose_their_trailing_slash() -> None:
    assert load(OPERATIONS_URL="https://contoso.operations.dynamics.com/").operations_url == (
        "https://contoso.operations.dynamics.com"
    )


ADDRESSES = ("DATAVERSE_URL", "OPERATIONS_URL", "TABLES_ENDPOINT", "SERVICEBUS_CONTROL")


def with_address(name: str, text: str) -> dict[str, str | None]:
    return {name: text} | ({"TABLES_CONNECTION": None} if name == "TABLES_ENDPOINT" else {})


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("credential", [None, "default"])
def test_a_token_goes_over_https_alone_except_on_the_stand(name: str, credential: str | None) -> None:
    changes = with_address(name, "http://contoso.example.net")
    report = refusal(**IN_AZURE | changes | {"CREDENTIAL": credential})
    assert f"{name}: must begin with https" in report
    assert load(**changes)


BUS = "Endpoint=sb://contoso.servicebus.windows.net;SharedAccessKeyName=k;SharedAccessKey=nobody"
TABLES = "AccountName=contoso;AccountKey=nobody"
INSTEAD_OF = {"ServiceBus": "ServiceBus__fullyQualifiedNamespace", "TABLES_CONNECTION": "TABLES_ENDPOINT"}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("ServiceBus", f"{BUS};UseDevelopmentEmulator=true;", "UseDevelopmentEmulator"),
        ("ServiceBus", f"{BUS}; usedevelopmentemulator = True", "usedevelopmentemulator"),
        ("TABLES_CONNECTION", f"DefaultEndpointsProtocol=http;{TABLES}", "DefaultEndpointsProtocol"),
        ("TABLES_CONNECTION", f"defaultendpointsprotocol=HTTP;{TABLES}", "defaultendpointsprotocol"),
        ("TABLES_CONNECTION", f"{TABLES};TableEndpoint=http://contoso", "TableEndpoint"),
        ("TABLES_CONNECTION", f"{TABLES};TableSecondaryEndpoint=HTTP://contoso", "TableSecondaryEndpoint"),
    ],
)
@pytest.mark.parametrize("credential", [None, "default"])
def test_a_connection_without_tls_is_for_the_stand_alone(
    name: str, text: str, part: str, credential: str | None
) -> None:
    report = refusal(**IN_AZURE | {"CREDENTIAL": credential, name: text, INSTEAD_OF[name]: None})
    assert f"{name}: {part} turns TLS off, which is for CREDENTIAL=local only" in report
    assert report.count("\n") == 1
    assert "nobody" not in report
    assert load(**{name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ServiceBus", BUS),
        ("ServiceBus", f"{BUS};UseDevelopmentEmulator=false"),
        ("TABLES_CONNECTION", TABLES),
        ("TABLES_CONNECTION", f"DefaultEndpointsProtocol=https;{TABLES};TableEndpoint=https://contoso"),
    ],
)
def test_a_connection_with_tls_is_taken_everywhere(name: str, text: str) -> None:
    assert load(**IN_AZURE | {name: text, INSTEAD_OF[name]: None})


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://contoso.example.net/data",
            "https://contoso.example.net?x=1",
            "https://contoso.example.net#x",
        ),
        *("https://anna@contoso.example.net", "https://anna:word@contoso.example.net", "https:///contoso"),
        *(
            "https://contoso.example.net\\@evil.example.net",
            "https://con toso",
            "https://contoso.example.net//",
        ),
        *(
            "https://contoso\n.example.net",
            "//contoso.example.net",
            "https:contoso",
            "https://contoso:99999999",
        ),
        *("https://contoso:port", "https://contoso%2fx", "https://\u202econtoso", "https://contoso:"),
    ],
)
def test_an_address_is_scheme_host_and_port(name: str, local: bool, text: str) -> None:
    assert name in refusal(**({} if local else IN_AZURE) | with_address(name, text))


@pytest.mark.parametrize("credential", [None, "managed-identity", "default"])
def test_a_token_of_the_stand_never_replaces_an_identity(credential: str | None) -> None:
    report = refusal(**IN_AZURE | {"CREDENTIAL": credential, "LOCAL_TOKEN": "a token that nobody sees"})
    assert "LOCAL_TOKEN: is for CREDENTIAL=local only" in report
    assert "nobody" not in report


@pytest.mark.parametrize(
    "text", ["https://contoso.servicebus.windows.net", "contoso", "a.b/c", "a.b:1", "a@b.c"]
)
def test_the_name_of_the_bus_is_a_host_name(text: str) -> None:
    name = "ServiceBus__fullyQualifiedNamespace"
    assert name in refusal(ServiceBus=None, **{name: text})
    assert load(ServiceBus=None, **{name: "contoso.servicebus.windows.net"})


def test_secrets_are_never_shown() -> None:
    marked = dict.fromkeys(SECRETS, "a secret that nobody sees")
    parts = "Endpoint=sb://nobody;AccountName=nobody;AccountKey=nobody"
    sound = marked | {"ServiceBus": parts, "TABLES_CONNECTION": parts}
    assert "nobody" not in repr(load(**sound))
    assert "nobody" not in str(load(**sound).model_dump())
    assert "nobody" not in refusal(**marked)


@given(st.dictionaries(st.sampled_from(sorted(EXAMPLE)), st.text(max_size=20)))
def test_no_environment_ends_other_than_in_settings_or_one_report(changes: dict[str, str]) -> None:
    try:
        settings = load(**changes)
    except SettingsError as error:
        assert str(error).startswith("The app settings are not right:\n  - ")  # noqa: PT017 - one of two ends
    else:
        assert settings.fingerprint_key


def test_settings_cannot_be_changed() -> None:
    settings: Any = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.sync_partitions = 5


def test_an_unknown_target_stops_the_start_with_one_message_that_lists_what_is_there() -> None:
    assert refusal(TARGET="sap", DATAVERSE_URL=None) == (
        "The app settings are not right:\n  - TARGET: there is no ERP 'sap'; there is operations, "
        "business-central, nav"
    )


def test_the_settings_of_a_target_are_needed_only_for_it() -> None:
    assert "OPERATIONS_URL: is missing" in refusal(OPERATIONS_URL=None)
    assert load(TARGET=None).target == "operations"
    assert not Settings.model_fields["operations_url"].is_required()


BUSINESS_CENTRAL: dict[str, str | None] = {
    "TARGET": "business-central",
    "FIELD_MAP": None,
    "SYNC_PARTITIONS": None,
    "LONGEST_REQUEST_SECONDS": None,
    "BUSINESS_CENTRAL_URL": "https://api.businesscentral.dynamics.com/v2.0/contoso.com/Production",
    "BUSINESS_CENTRAL_COMPANY": "CRONUS USA, Inc.",
}
NAV: dict[str, str | None] = {
    "TARGET": "nav",
    "FIELD_MAP": None,
    "LONGEST_REQUEST_SECONDS": None,
    "NAV_URL": "https://nav.contoso.com:7048/DynamicsNAV110",
    "NAV_COMPANY": "CRONUS International Ltd.",
    "NAV_USER": "sync",
    "NAV_ACCESS_KEY": "a-key",
}
APPLICATION = {
    "BUSINESS_CENTRAL_TENANT_ID": "5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5d",
    "BUSINESS_CENTRAL_CLIENT_ID": "5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5e",
    "BUSINESS_CENTRAL_CLIENT_SECRET": "a-secret",
}


@pytest.mark.parametrize("target", [BUSINESS_CENTRAL, NAV])
def test_a_target_has_its_own_field_map_and_needs_nothing_of_another(target: dict[str, str | None]) -> None:
    others = {name: None for name in EXAMPLE if name.startswith("OPERATIONS_")}
    environment = {name: text for name, text in (EXAMPLE | others | target).items() if text is not None}
    settings, field_map = load_settings(environment)
    assert settings.target == target["TARGET"]
    assert field_map.fields.keys().isdisjoint({"OrganizationName"})


@pytest.mark.parametrize(
    ("target", "changes", "named"),
    [
        (BUSINESS_CENTRAL, {"FIELD_MAP": "operations"}, "FIELD_MAP: operations.toml is a map for operations"),
        ({}, {"FIELD_MAP": "nav"}, "FIELD_MAP: nav.toml is a map for nav, and TARGET is operations"),
        (BUSINESS_CENTRAL, {"BUSINESS_CENTRAL_COMPANY": None}, "BUSINESS_CENTRAL_COMPANY: is missing"),
        (BUSINESS_CENTRAL, {"BUSINESS_CENTRAL_URL": None}, "BUSINESS_CENTRAL_URL: is missing"),
        (BUSINESS_CENTRAL, {"BUSINESS_CENTRAL_URL": "https://a/v2.0?x=1"}, "BUSINESS_CENTRAL_URL: must be"),
        (BUSINESS_CENTRAL, {"BUSINESS_CENTRAL_URL": "https://a/../b"}, "BUSINESS_CENTRAL_URL: must be"),
        (BUSINESS_CENTRAL, {"BUSINESS_CENTRAL_API_PATH": "/api//x"}, "BUSINESS_CENTRAL_API_PATH: must be"),
        (BUSINESS_CENTRAL, {"SYNC_PARTITIONS": "5"}, "SYNC_PARTITIONS: is 5; Business Central allows 4"),
        *(
            (
                BUSINESS_CENTRAL,
                {**APPLICATION, "BUSINESS_CENTRAL_" + name: None},
                f"BUSINESS_CENTRAL_{name}",
            )
            for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
        ),
        (
            BUSINESS_CENTRAL,
            {**APPLICATION, "BUSINESS_CENTRAL_CERTIFICATE": "x"},
            "BUSINESS_CENTRAL_CERTIFICATE: exactly one is needed, both are set",
        ),
        (NAV, {"NAV_URL": None}, "NAV_URL: is missing"),
        (NAV, {"NAV_USER": None}, "NAV_USER: is missing"),
        (NAV, {"NAV_ACCESS_KEY": None}, "NAV_ACCESS_KEY: is missing"),
        (NAV, {"NAV_PROTOCOL": "v2"}, "NAV_PROTOCOL"),
    ],
)
def test_a_wrong_setting_of_a_target_is_named(
    target: dict[str, str | None], changes: dict[str, str | None], named: str
) -> None:
    assert named in refusal(**{**target, **changes})


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_file_that_holds_no_certificate_stops_the_start(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text, encoding="ascii")
    assert f"NAV_CA_FILE: {file} holds no certificate in PEM" in refusal(**NAV, NAV_CA_FILE=str(file))


def test_a_file_of_the_package_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, elsewhere = tmp_path / "package", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (package / "certificates").mkdir(parents=True)
    shutil.copy(certifi.where(), package / "certificates/nav-ca.pem")
    monkeypatch.setattr(setting_types, "_PACKAGE", package)
    monkeypatch.chdir(elsewhere)
    environment = EXAMPLE | NAV | {"NAV_CA_FILE": "certificates/nav-ca.pem"}
    settings, _ = load_settings({name: text for name, text in environment.items() if text})
    assert settings.nav_ca_file == str(package / "certificates/nav-ca.pem")


def test_numbers_of_business_central_need_a_page_with_the_accounts_id(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "shared/targets/business_central/business-central.toml"
    own = tmp_path / "own.toml"
    key = 'column = "accountnumber"  '
    text = shipped.read_text(encoding="utf-8")
    assert key in text
    own.write_text(text.replace(key, 'assigned_by_erp = true\nsecond_key = "accountId"\n'), encoding="utf-8")
    target = BUSINESS_CENTRAL | {"FIELD_MAP": str(own)}
    assert "BUSINESS_CENTRAL_API_PATH: is the standard API" in refusal(**target)
    assert (
        load(**(target | {"BUSINESS_CENTRAL_API_PATH": "api/contoso/sync/v1.0"})).target == "business-central"
    )


@pytest.mark.parametrize("path", [None, "api/v2.0", "API/v2.0", "api/beta"])
def test_another_accounts_customer_needs_a_page_of_business_central_for_it(
    tmp_path: Path, path: str | None
) -> None:
    shipped = Path(__file__).parents[2] / "shared/targets/business_central/business-central.toml"
    own = tmp_path / "own.toml"
    entry = '[fields.billToCustomerNumber]\ncolumn = "parentaccountid"\nvia = "customer"\n'
    own.write_text(f"{shipped.read_text(encoding='utf-8')}\n{entry}", encoding="utf-8")
    target = BUSINESS_CENTRAL | {"FIELD_MAP": str(own), "BUSINESS_CENTRAL_API_PATH": path}
    assert 'fields.billToCustomerNumber says via = "customer"' in refusal(**target)
    page = target | {"BUSINESS_CENTRAL_API_PATH": "api/contoso/sync/v1.0"}
    assert load(**page).target == "business-central"


@pytest.mark.parametrize("target", [BUSINESS_CENTRAL, NAV])
def test_no_request_of_these_erps_is_over_before_960_seconds(target: dict[str, str | None]) -> None:
    in_azure = IN_AZURE | target | {"LONGEST_REQUEST_SECONDS": "959"}
    assert "LONGEST_REQUEST_SECONDS: is 959" in refusal(**in_azure)
    assert load(**(in_azure | {"LONGEST_REQUEST_SECONDS": "960"})).longest_request_seconds == 960
    assert load(**(target | {"LONGEST_REQUEST_SECONDS": "6"})).longest_request_seconds == 6, "on the stand"


def test_business_central_has_four_partitions_by_default() -> None:
    assert load(**BUSINESS_CENTRAL).sync_partitions == 4
    assert load(**(BUSINESS_CENTRAL | {"SYNC_PARTITIONS": "2"})).sync_partitions == 2


def test_only_the_stand_signs_people_in_by_itself() -> None:
    assert "CONSOLE_LOGIN: local is for CREDENTIAL=local only" in refusal(**IN_AZURE, CONSOLE_LOGIN="local")
    assert load(CONSOLE_LOGIN="local").console_login is ConsoleLogin.LOCAL
    assert load(CONSOLE_LOGIN=None).console_login is ConsoleLogin.OFF


@pytest.mark.parametrize(
    ("platform", "login"),
    [(None, ConsoleLogin.EASY_AUTH), ("True", ConsoleLogin.EASY_AUTH), ("False", ConsoleLogin.OFF)],
)
def test_there_is_no_page_where_the_platform_says_that_it_signs_nobody_in(
    platform: str | None, login: ConsoleLogin
) -> None:
    assert load(CONSOLE_LOGIN="easy-auth", WEBSITE_AUTH_ENABLED=platform).console_login is login
