"""All configuration in one typed class. Secrets are `SecretStr` and never printed."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr

from shared.console_settings import ConsoleSettings
from shared.run_settings import RunSettings
from shared.setting_types import (
    AuthorityFile,
    BaseAddress,
    Credential,
    ExistingCustomer,
    Host,
    NavProtocol,
    OnGone,
    Origin,
    PositiveSeconds,
    RelativePath,
    Seconds,
    Secret,
    TargetName,
    Text,
    connection,
    resolved,
)
from shared.telemetry_settings import TelemetrySettings


def _packaged_build() -> str:
    """The id that infra/package.py has put into the package."""
    file = Path(__file__).with_name("build_id.txt")
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "local"


class Settings(RunSettings, TelemetrySettings, ConsoleSettings):
    """Every setting, by the name of its environment variable in lower case."""

    # The first field: what addresses may be depends on it.
    credential: Credential = Field(
        Credential.MANAGED_IDENTITY,
        description="managed-identity in Azure, default for a developer's own sign-in, local for the stand.",
    )
    servicebus: Annotated[SecretStr, connection("Endpoint")] | None = Field(
        None,
        alias="ServiceBus",
        description="Connection string of the Service Bus; for the local stand only.",
    )
    servicebus_namespace: Host | None = Field(
        None,
        alias="ServiceBus__fullyQualifiedNamespace",
        description="Host name of the Service Bus namespace, such as contoso.servicebus.windows.net.",
    )
    servicebus_control: Origin | None = Field(
        None, description="Control address of the local stand's Service Bus, for `accountsync status`."
    )
    tables_connection: Annotated[SecretStr, connection("AccountName", "AccountKey")] | None = Field(
        None, description="Connection string of the Table Storage; for the local stand only."
    )
    tables_endpoint: Origin | None = Field(
        None, description="Address of the Table Storage, such as https://contoso.table.core.windows.net."
    )
    dataverse_url: Origin = Field(description="Address of the Sales environment.")
    dataverse_organization_id: UUID | None = Field(
        None,
        description="Organization id of the Sales environment; events of other organizations are rejected. "
        "`accountsync registration` prints it.",
    )
    target: TargetName = Field(
        TargetName.OPERATIONS, description=f"The ERP that customers are written to: {', '.join(TargetName)}."
    )
    operations_url: Origin = Field("", description="Address of the Operations environment.")
    operations_company: str | None = Field(
        None, description="Legal entity of Operations that customers are written to."
    )
    operations_customer_group: str | None = Field(
        None, description="Customer group of the customers that are written to Operations."
    )
    business_central_url: BaseAddress = Field(
        "",
        description="Address of the Business Central environment, with tenant and environment, such as "
        "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production.",
    )
    business_central_company: str | None = Field(
        None, description="Name of the company in Business Central that customers are written to."
    )
    business_central_api_path: RelativePath = Field(
        "api/v2.0", description="Path of the API; a custom API page has publisher, group and version in it."
    )
    business_central_local_currency: str | None = Field(
        None, description="Currency code that is sent as blank, where the company's ledger names none."
    )
    business_central_scope: Text = Field(
        "https://api.businesscentral.dynamics.com/.default",
        description="Scope of the tokens for Business Central.",
    )
    business_central_tenant_id: UUID | None = Field(
        None, description="Tenant of the application that signs in to Business Central."
    )
    business_central_client_id: UUID | None = Field(
        None,
        description="Client id of the application that signs in to Business Central; without it, the app's "
        "own managed identity does.",
    )
    business_central_client_secret: Secret | None = Field(
        None, description="Secret of that application, a reference to the Key Vault."
    )
    business_central_certificate: Secret | None = Field(
        None, description="Certificate of that application with its private key, instead of the secret."
    )
    nav_url: BaseAddress = Field(
        "",
        description="Address of the NAV server instance, such as https://nav.contoso.com:7048/DynamicsNAV110.",
    )
    nav_company: str | None = Field(
        None, description="Name of the company in NAV that customers are written to."
    )
    nav_service: Text = Field(
        "Customer", description="Name under which page 21 (customer card) is published."
    )
    nav_currency_service: Text = Field(
        "Currencies", description="Name under which page 5 (currencies) is published."
    )
    nav_protocol: NavProtocol = Field(
        NavProtocol.V4, description="OData version: v4, or v3 where NAV has only that."
    )
    nav_user: str | None = Field(None, description="User in NAV (credential type NavUserPassword).")
    nav_access_key: Secret | None = Field(
        None, description="Web service access key of that user, a reference to the Key Vault."
    )
    nav_ca_file: AuthorityFile | None = Field(
        None, description="File in the package with the certificate of a private authority, in PEM."
    )
    nav_local_currency: str | None = Field(
        None, description="Code of the company's own currency; NAV stores it as blank."
    )
    local_token: SecretStr | None = Field(None, description="Token of the stand, for CREDENTIAL=local.")
    azure_client_id: str | None = Field(
        None, description="Client id of the user-assigned managed identity, where there is one."
    )
    field_map: str | None = Field(
        None,
        description="A field map that ships with the app (operations, operations-dual-write, "
        "business-central, nav), or the path of your own TOML file. By default, the target's own.",
    )
    fingerprint_key: Annotated[SecretStr, Field(min_length=16), AfterValidator(resolved)] = Field(
        description="Secret of at least 16 characters under which sent values are remembered as hashes."
    )
    integration_user_id: UUID | None = Field(
        None, description="Dataverse systemuserid of this app's own user: its own write-backs are not events."
    )
    health_key: Annotated[SecretStr, AfterValidator(resolved)] | None = Field(
        None, description="Key that makes /api/health tell what each system's probe said."
    )
    build_id: str = Field(
        default_factory=_packaged_build, description="Which build this is, if not that of the package."
    )

    sync_partitions: Annotated[int, Field(ge=1, le=100)] = Field(
        8,
        description="Sessions that accounts are spread over: the cap on concurrent work. For Business "
        "Central 4, and not more.",
    )
    settle_seconds: Seconds = Field(
        5,
        description="Events of an account that was read less than this ago are merged into one later check.",
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
    longest_request_seconds: Seconds | None = Field(
        None,
        description="Longest that the ERP may still carry out a request whose answer was lost. By default "
        "600 for Operations, otherwise 960.",
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
