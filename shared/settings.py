"""All configuration: read once from the environment, every problem listed at once.

Secrets are `SecretStr` and never printed. No other module reads the environment.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic.fields import FieldInfo

from shared.field_maps import FieldMapError, load_field_map
from shared.model.field_map import FieldMap

_HOST_FILE = Path(__file__).parents[1] / "host.json"


class SettingsError(Exception):
    """The configuration is wrong; the message names every setting at fault and its remedy."""


class Credential(StrEnum):
    """How the app proves who it is."""

    MANAGED_IDENTITY = "managed-identity"
    DEFAULT = "default"
    LOCAL = "local"


class TargetName(StrEnum):
    """The ERPs that there are; each has a folder in shared/targets."""

    OPERATIONS = "operations"


_NEEDED_BY = {TargetName.OPERATIONS: ("operations_url",)}


class ExistingCustomer(StrEnum):
    """What to do when a customer of an account's number is there already."""

    MATCH = "match"
    ADOPT = "adopt"
    PARK = "park"


class OnGone(StrEnum):
    """What becomes of the customer of an account that was deleted or deactivated."""

    BLOCK = "block"
    IGNORE = "ignore"


_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?", re.IGNORECASE)


def _origin(url: str, info: ValidationInfo) -> str:
    """Scheme, host and port. Bearer tokens go there: over https, except on the local stand."""
    if not _ORIGIN.fullmatch(url.strip()):
        message = "must be an address such as https://contoso.crm.dynamics.com, without path, query or user"
        raise ValueError(message)
    origin = url.strip().rstrip("/").lower()
    if origin.startswith("http:") and info.data.get("credential") is not Credential.LOCAL:
        message = "must begin with https://; http is for CREDENTIAL=local only"
        raise ValueError(message)
    return origin


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
        message = "must be a host name such as contoso.servicebus.windows.net, without scheme, port or path"
        raise ValueError(message)
    return name


def _resolved(secret: SecretStr) -> SecretStr:
    """App Service hands on the text of a reference that it could not resolve, which is no secret."""
    if secret.get_secret_value().startswith("@Microsoft.KeyVault("):
        message = "is a Key Vault reference that was not resolved: check the secret and the role on the vault"
        raise ValueError(message)
    return secret


def _packaged_build() -> str:
    """The id that infra/package.py has put into the package."""
    file = Path(__file__).with_name("build_id.txt")
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "local"


def _connection(*needed: str) -> AfterValidator:
    """Refuses a connection string that lacks one of these parts, or TLS; what it holds is not repeated."""

    def check(text: SecretStr, info: ValidationInfo) -> SecretStr:
        parts = [part.partition("=") for part in text.get_secret_value().split(";")]
        names = {name.strip() for name, _, _ in parts}
        if missing := [name for name in needed if name not in names]:
            message = f"is no connection string of this service: it has no {', '.join(missing)}"
            raise ValueError(message)
        if info.data.get("credential") is not Credential.LOCAL:
            for name, _, value in parts:
                if _without_tls(name.strip().lower(), value.strip().lower()):
                    message = f"{name.strip()} turns TLS off, which is for CREDENTIAL=local only"
                    raise ValueError(message)
        return text

    return AfterValidator(check)


def _without_tls(name: str, value: str) -> bool:
    """Whether this part of a connection string, in lower case, makes an SDK connect without TLS."""
    return (name, value) in {
        ("usedevelopmentemulator", "true"),
        ("defaultendpointsprotocol", "http"),
    } or value.startswith("http://")


type Origin = Annotated[str, AfterValidator(_origin)]
type Host = Annotated[str, AfterValidator(_host)]
type Seconds = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]
type PositiveSeconds = Annotated[Seconds, Field(gt=0)]
type Text = Annotated[str, Field(min_length=1)]


def _nothing_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


type Optional[T] = Annotated[T | None, BeforeValidator(_nothing_if_blank)]


class Settings(BaseModel):
    """Every setting, by the name of its environment variable in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # The first field: what addresses may be depends on it.
    credential: Credential = Field(
        Credential.MANAGED_IDENTITY,
        description="managed-identity in Azure, default for a developer's own sign-in, local for the stand.",
    )
    servicebus: Optional[Annotated[SecretStr, _connection("Endpoint")]] = Field(
        None,
        alias="ServiceBus",
        description="Connection string of the Service Bus; for the local stand only.",
    )
    servicebus_namespace: Optional[Host] = Field(
        None,
        alias="ServiceBus__fullyQualifiedNamespace",
        description="Host name of the Service Bus namespace, such as contoso.servicebus.windows.net.",
    )
    servicebus_control: Optional[Origin] = Field(
        None, description="Control address of the local stand's Service Bus, for `accountsync status`."
    )
    tables_connection: Optional[Annotated[SecretStr, _connection("AccountName", "AccountKey")]] = Field(
        None, description="Connection string of the Table Storage; for the local stand only."
    )
    tables_endpoint: Optional[Origin] = Field(
        None, description="Address of the Table Storage, such as https://contoso.table.core.windows.net."
    )
    dataverse_url: Origin = Field(description="Address of the Sales environment.")
    dataverse_organization_id: Optional[UUID] = Field(
        None,
        description="Organization id of the Sales environment; events of other organizations are rejected. "
        "`accountsync registration` prints it.",
    )
    target: TargetName = Field(
        TargetName.OPERATIONS, description=f"The ERP that customers are written to: {', '.join(TargetName)}."
    )
    operations_url: Origin = Field("", description="Address of the Operations environment.")
    operations_company: Optional[str] = Field(
        None, description="Legal entity of Operations that customers are written to."
    )
    operations_customer_group: Optional[str] = Field(
        None, description="Customer group of the customers that are written to Operations."
    )
    local_token: Optional[SecretStr] = Field(
        None, description="Bearer token of the local stand; goes with CREDENTIAL=local."
    )
    azure_client_id: Optional[str] = Field(
        None, description="Client id of the user-assigned managed identity, where there is one."
    )
    field_map: Text = Field(
        "operations",
        description="A field map of this app (operations, operations-dual-write), or the path of your own "
        "TOML file.",
    )
    fingerprint_key: Annotated[SecretStr, Field(min_length=16), AfterValidator(_resolved)] = Field(
        description="Secret of at least 16 characters under which sent values are remembered as hashes."
    )
    integration_user_id: Optional[UUID] = Field(
        None, description="Dataverse systemuserid of this app's own user: its own write-backs are not events."
    )
    health_key: Optional[Annotated[SecretStr, AfterValidator(_resolved)]] = Field(
        None, description="Key that makes /api/health tell what each system's probe said."
    )
    build_id: str = Field(
        default_factory=_packaged_build,
        description="Which build this is, if not the one of the package; /api/health answers it.",
    )

    sync_partitions: Annotated[int, Field(ge=1, le=100)] = Field(
        8, description="Sessions that accounts are spread over: the cap on concurrent work."
    )
    settle_seconds: Seconds = Field(
        5, description="Events of an account read less than this ago are merged into one later look."
    )
    transaction_margin_seconds: Seconds = Field(
        300, description="Longest that a change in Dataverse may stay uncommitted after its event was made."
    )
    retry_first_seconds: PositiveSeconds = Field(10, description="Ceiling of the first wait.")
    retry_cap_seconds: PositiveSeconds = Field(900, description="Ceiling of every later wait.")
    retry_attempts: Annotated[int, Field(ge=1, le=10_000)] = Field(
        40, description="Real tries before an account is parked as RetriesExhausted."
    )
    operator_retry_seconds: PositiveSeconds = Field(
        300, description="How long work waits when the set-up of a system is wrong."
    )
    longest_request_seconds: Seconds = Field(
        600, description="Longest that the ERP may still carry out a request whose answer was lost."
    )
    invocation_deadline_seconds: PositiveSeconds = Field(
        120, description="Hard limit for the work on one message."
    )
    lease_margin_seconds: Seconds = Field(
        60, description="What a fault may take to be recorded after the deadline of its message."
    )
    currency_cache_seconds: Seconds = Field(
        60, description="How long the currency mapping is kept in the process."
    )
    queue_wait_seconds: Seconds = Field(
        20, description="Wait before a message is given back because the bus does not take its successor."
    )
    breaker_failures: Annotated[int, Field(ge=1, le=1_000)] = Field(
        5, description="How many of the newest calls, of twice as many, must fail to open a breaker."
    )
    breaker_first_seconds: PositiveSeconds = Field(
        30, description="How long a breaker stays open the first time; doubled with each trip."
    )
    breaker_cap_seconds: PositiveSeconds = Field(300, description="How long a breaker stays open at most.")
    breaker_least_wait_seconds: Seconds = Field(
        30, description="Shortest wait of a message that meets an open breaker."
    )
    operations_max_concurrency: Annotated[int, Field(ge=0, le=1_000)] = Field(
        0, description="Most requests of one process to Operations at a time; 0: as many as partitions."
    )
    max_creates_per_hour: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="Ceiling on customers created in an hour by all instances together; 0: none."
    )
    max_blocks_per_hour: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="Ceiling on customers blocked in an hour by all instances together; 0: none."
    )
    write_back_customer_account: bool = Field(
        False, description="Write the numbers that the ERP assigns into the accounts."
    )
    existing_customer: ExistingCustomer = Field(
        ExistingCustomer.MATCH,
        description="match adopts a customer of the same name, adopt any, park none.",
    )
    on_delete: OnGone = Field(OnGone.BLOCK, description="block or ignore the customer of a deleted account.")
    on_deactivate: OnGone = Field(
        OnGone.BLOCK, description="block or ignore the customer of a deactivated account."
    )

    _own: Mapping[str, str] = PrivateAttr(default_factory=dict[str, str])

    def model_post_init(self, context: Mapping[str, str] | None, /) -> None:
        """Keep the settings that only the field map names: they are the validation context."""
        self._own = dict(context or {})

    def named(self, name: str) -> str | None:
        """The text of the setting that a field map refers to by its environment name."""
        value = self._own.get(name) or getattr(self, name.lower(), None)
        return value if isinstance(value, str) else None


@cache
def environment_names() -> Mapping[str, str]:
    """Attribute -> the name of its environment variable."""
    return {name: info.alias or name.upper() for name, info in Settings.model_fields.items()}


def load_settings(
    environment: Mapping[str, str] | None = None, *, takes_events: bool = True
) -> tuple[Settings, FieldMap]:
    """The settings and the field map they name. Raises SettingsError with every problem found.

    `takes_events` is false for the operator's tool, which can tell the id that the app has to have.
    """
    environment = os.environ if environment is None else environment
    given = {name: environment[name] for name in environment_names().values() if environment.get(name)}
    target = given.get("TARGET", TargetName.OPERATIONS)
    if target not in set(TargetName):
        raise _wrong([f"TARGET: there is no ERP {target!r}; there is {', '.join(TargetName)}"])
    problems = [*_mismatches(given), *_sessions(environment), *_missing(given, TargetName(target))]
    if takes_events:
        problems += _missing_organization(given)
    settings = field_map = None
    try:
        field_map = load_field_map(given.get("FIELD_MAP", target), target)
        problems += _unusable(field_map, environment)
    except FieldMapError as error:
        problems.append(f"FIELD_MAP: {error}")
    own = {name: environment.get(name, "") for name in field_map.settings} if field_map else {}
    try:
        settings = Settings.model_validate(
            {Settings.model_fields[field].alias or field: given[name] for field, name in _given(given)},
            context=own,
        )
    except ValidationError as error:
        problems += _problems(error)
    if problems or settings is None or field_map is None:
        raise _wrong(problems)
    return settings, field_map


def _wrong(problems: Iterable[str]) -> SettingsError:
    report = "\n".join(f"  - {problem}" for problem in problems)
    return SettingsError(f"The app settings are not right:\n{report}")


def _given(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((field, name) for field, name in environment_names().items() if name in given)


def _unusable(field_map: FieldMap, environment: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the settings that the field map takes values from."""
    secrets = {info.alias or name.upper() for name, info in Settings.model_fields.items() if _is_secret(info)}
    for name in sorted(field_map.settings):
        if name in secrets:
            yield f"{name}: is a secret; a field map must not send it to the ERP"
        elif not environment.get(name, "").strip():
            yield f"{name}: is missing; the field map needs it"


def _is_secret(info: FieldInfo) -> bool:
    return "SecretStr" in str(info.annotation)


def _mismatches(given: Mapping[str, str]) -> Iterator[str]:
    for pair in (
        ("ServiceBus", "ServiceBus__fullyQualifiedNamespace"),
        ("TABLES_CONNECTION", "TABLES_ENDPOINT"),
    ):
        found = sum(name in given for name in pair)
        if found != 1:
            yield f"{pair[0]} or {pair[1]}: exactly one is needed, {'both' if found else 'neither'} is set"
    local = given.get("CREDENTIAL") == Credential.LOCAL
    if local and "LOCAL_TOKEN" not in given:
        yield "LOCAL_TOKEN: is missing; CREDENTIAL=local needs it"
    if not local and "LOCAL_TOKEN" in given:
        yield "LOCAL_TOKEN: is for CREDENTIAL=local only; take the setting out"


def _sessions(environment: Mapping[str, str]) -> Iterator[str]:
    """A partition without a session at the host would wait until another one has nothing to do."""
    most = environment.get("AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentSessions", "")
    if not most and _HOST_FILE.is_file():
        host = json.loads(_HOST_FILE.read_text(encoding="utf-8"))
        most = str(host["extensions"]["serviceBus"]["maxConcurrentSessions"])
    partitions = environment.get("SYNC_PARTITIONS", "").strip()
    if most.isdecimal() and partitions.isdecimal() and int(partitions) > int(most):
        yield (
            f"SYNC_PARTITIONS: is {partitions}, more than the {most} sessions that one instance has at a time"
            " (maxConcurrentSessions in host.json): lower it, or raise the other"
        )


def _missing_organization(given: Mapping[str, str]) -> Iterator[str]:
    name = "DATAVERSE_ORGANIZATION_ID"
    if given.get("CREDENTIAL") != Credential.LOCAL and not given.get(name, "").strip():
        yield f"{name}: is missing; `accountsync registration` prints it"


def _missing(given: Mapping[str, str], target: TargetName) -> Iterator[str]:
    for field in _NEEDED_BY[target]:
        if field.upper() not in given:
            yield f"{field.upper()}: is missing ({Settings.model_fields[field].description})"


def _problems(error: ValidationError) -> Iterator[str]:
    by_location = {info.alias or name: info for name, info in Settings.model_fields.items()}
    for item in error.errors(include_url=False, include_input=False):
        location = str(item["loc"][0])
        info = by_location[location]
        what = "is missing" if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
        yield f"{info.alias or location.upper()}: {what} ({info.description})"
