"""The doctor: which checks the app makes, and which the operator's tool makes besides."""

from functools import partial

from shared.diagnostics.doctor.clocks import ClocksCheck
from shared.diagnostics.doctor.diagnose import Diagnose
from shared.diagnostics.doctor.doctor import Doctor, Named
from shared.diagnostics.doctor.erp import ErpCheck
from shared.diagnostics.doctor.leftovers import LeftoversCheck
from shared.diagnostics.doctor.queues import QueueRightsCheck, QueuesCheck
from shared.diagnostics.doctor.registration import RegistrationCheck
from shared.diagnostics.doctor.sales import (
    ChangeTrackingCheck,
    IdentityCheck,
    LabelsCheck,
    LookUpsCheck,
    ReadingCheck,
    WriteBackCheck,
)
from shared.diagnostics.doctor.settings import SettingsCheck, SetUp
from shared.diagnostics.doctor.sign_in import NAME as SIGN_IN
from shared.diagnostics.doctor.sign_in import SignInCheck
from shared.diagnostics.doctor.tables import TablesCheck
from shared.diagnostics.doctor.tokens import TokenFor, TokensCheck
from shared.diagnostics.doctor.written import WrittenCheck
from shared.model.faults import Fault, System
from shared.model.finding import Grade
from shared.model.map_fingerprint import fingerprint_of
from shared.ports.doctor import Organization, QueueSettings, Registrations
from shared.setting_types import Credential, TargetName
from shared.settings import Settings
from shared.web.credentials import EntraTokens, entra_credential
from shared.wiring import Application
from shared.wiring.host_limits import host_limits
from shared.wiring.operator import Operator
from shared.wiring.set_up_checks import set_up_checks

_STORAGE, _BUS = "https://storage.azure.com", "https://servicebus.azure.net"
_OF_APP = (
    "Give the app's identity the role Azure Service Bus Data Owner on this queue (parameter "
    "appOwnsQueues), or read it with `accountsync doctor` as an operator."
)
_OF_OPERATOR = "Give yourself the role Azure Service Bus Data Owner on this queue."


def diagnose(app: Application) -> Diagnose:
    """The use case behind the function `doctor`."""
    return Diagnose(
        diagnoses=app.clients.diagnoses,
        doctor=lambda: Doctor(checks_of_app(app)),
        clock=app.ports.clock,
        build=app.settings.build_id,
        identity=lambda: _identity(app),
    )


def doctor_of_operator(operator: Operator) -> Doctor:
    """What only the operator may read. A person may lack rights that the app has: that is no error."""
    return Doctor(checks_of_operator(operator), refused=Grade.NOT_CHECKED)


def checks_of_app(app: Application) -> tuple[Named, ...]:
    """The checks that the app makes."""
    from shared.dataverse.accounts import PROBE
    from shared.dataverse.inquiry import DataverseInquiry
    from shared.messaging.access import TriedQueues
    from shared.storage.access import TriedTables
    from shared.web.times import time_of

    clients, settings, clock, key = app.clients, app.settings, app.ports.clock, app.field_map.key
    company, organization = app.field_map.company.setting, _organization(app)
    inquiry = DataverseInquiry(clients.dataverse, key.column or key.number_column)
    times = {client.system: partial(time_of, client) for client in (clients.dataverse, clients.erp)}
    field_map, mappings, points = set_up_checks(app)
    return (
        Named("settings", SettingsCheck(_set_up(app, in_app=True)).check),
        Named("tokens", TokensCheck(_tokens(app), clock).check),
        Named("tables", TablesCheck(TriedTables(clients.tables), clock).check),
        Named("queues", QueuesCheck(_queues(app), _OF_APP).check),
        Named("rights on the queues", QueueRightsCheck(TriedQueues(clients.service_bus)).check),
        Named("Sales", ReadingCheck(partial(clients.dataverse.probe, PROBE), inquiry.currencies).check),
        Named("look-ups in Sales", _look_ups(app).check),
        Named("labels in Sales", LabelsCheck(app.ports.labels, app.field_map.label_columns).check),
        Named("identity in Sales", _identities(app, organization, as_app=True).check),
        Named("change tracking", ChangeTrackingCheck(organization).check),
        *(
            Named("write-back column", WriteBackCheck(organization, column).check)
            for column in app.field_map.written_back
            if settings.write_back_customer_account
        ),
        Named("registration", RegistrationCheck(_registrations(app)).check),
        Named(SIGN_IN, _sign_in(app.settings).check),
        Named(
            "ERP",
            ErpCheck(
                app.ports.target,
                (settings.named(company) if company else "") or "",
                app.target_in_use.compare,
            ).check,
        ),
        Named("clocks", ClocksCheck(times, clock).check),
        Named("field map", field_map.check),
        Named("accounts under an older field map", _written(app).check),
        *(Named(check.name, check.check) for check in mappings),
        Named("set-up of the ERP", points.check),
    )


def checks_of_operator(operator: Operator) -> tuple[Named, ...]:
    """The checks that the operator's tool makes with the operator's own rights and settings."""
    organization = _organization(operator)
    return (
        Named("settings", SettingsCheck(_set_up(operator, in_app=False)).check),
        Named("identity in Sales", _identities(operator, organization, as_app=False).check),
        Named("registration", RegistrationCheck(_registrations(operator)).check),
        Named("queues", QueuesCheck(_queues(operator), _OF_OPERATOR).check),
        Named("leftovers", LeftoversCheck(operator.queue_depths).check),
    )


def _sign_in(settings: Settings) -> SignInCheck:
    from shared.web.front_door import OwnAddress

    scheme = "http" if settings.credential is Credential.LOCAL else "https"
    host = settings.website_hostname
    return SignInCheck(settings.console_login.is_on, OwnAddress(f"{scheme}://{host}") if host else None)


def _identities(app: Application, organization: Organization, *, as_app: bool) -> IdentityCheck:
    settings = app.settings
    expected, user = settings.dataverse_organization_id, settings.integration_user_id
    return IdentityCheck(organization, expected, user, as_app)


def _organization(app: Application) -> Organization:
    from shared.dataverse.organization import DataverseOrganization

    return DataverseOrganization(app.clients.dataverse)


def _look_ups(app: Application) -> LookUpsCheck:
    from shared.dataverse.accounts import PROBE, look_ups_of

    probe = app.clients.dataverse.probe
    look_ups = look_ups_of(app.field_map).items()
    return LookUpsCheck({column: partial(probe, f"{PROBE}&$expand={read}") for column, read in look_ups})


def _written(app: Application) -> WrittenCheck:
    from shared.storage.tables import ACCOUNT_SYNC
    from shared.storage.written import WrittenTable

    table = app.clients.tables.get_table_client(ACCOUNT_SYNC)
    return WrittenCheck(WrittenTable(table), fingerprint_of(app.field_map))


def _registrations(app: Application) -> Registrations:
    from shared.dataverse.endpoints import endpoint_of
    from shared.dataverse.registered import RegisteredEndpoints
    from shared.dataverse.registry import DataverseRegistry

    queue, _ = endpoint_of(app.settings)
    registry, field_map = DataverseRegistry(app.clients.dataverse), app.field_map
    return RegisteredEndpoints(registry, field_map.watched, field_map.related_rows.columns, queue)


def _queues(app: Application) -> QueueSettings:
    from shared.messaging.properties import AdministeredProperties, LocalProperties

    control = app.settings.servicebus_control
    return LocalProperties(control) if control else AdministeredProperties(app.settings)


def _tokens(app: Application) -> tuple[TokenFor, ...]:
    from shared.web.claims import read_claims

    settings, clients = app.settings, app.clients
    own = settings.azure_client_id or ""

    def given(system: System, resource: str, keyed: object) -> TokenFor:
        tokens = EntraTokens(partial(entra_credential, settings), f"{resource}/.default", system)
        return TokenFor(system, None if keyed else partial(read_claims, tokens), resource, application=own)

    local = settings.credential is Credential.LOCAL
    sales = None if local else partial(read_claims, clients.dataverse.tokens)
    return (
        TokenFor(System.DATAVERSE, sales, settings.dataverse_url, application=own),
        _erp_token(app, own),
        given(System.TABLES, _STORAGE, settings.tables_connection),
        given(System.SERVICE_BUS, _BUS, settings.servicebus),
    )


def _erp_token(app: Application, own: str) -> TokenFor:
    from shared.web.claims import read_claims

    settings, erp = app.settings, app.clients.erp
    local = settings.credential is Credential.LOCAL
    read = None if local else partial(read_claims, erp.tokens)
    match settings.target:
        case TargetName.OPERATIONS:
            return TokenFor(erp.system, read, app.erp.url, application=own)
        case TargetName.BUSINESS_CENTRAL:
            resource = settings.business_central_scope.removesuffix("/.default")
            tenant = str(settings.business_central_tenant_id or "")
            client = str(settings.business_central_client_id or "") or own
            return TokenFor(erp.system, read, resource, tenant, client)
        case TargetName.NAV:
            return TokenFor(erp.system, None, app.erp.url)


async def _identity(app: Application) -> str:
    """Who the app signs in as, by the token for Sales."""
    from shared.web.claims import read_claims

    if app.settings.credential is Credential.LOCAL:
        return "the local stand"
    try:
        claims = await read_claims(app.clients.dataverse.tokens)
    except Fault:
        claims = None
    return f"application {claims.application}, object {claims.object_id}" if claims else "unknown"


def _set_up(app: Application, *, in_app: bool) -> SetUp:
    settings, longest = app.settings, app.erp.capabilities.longest_request_seconds
    own = settings.longest_request_seconds
    limits = host_limits()
    return SetUp(
        in_app=in_app,
        credential=settings.credential,
        addresses=(settings.dataverse_url, app.erp.url, settings.tables_endpoint or ""),
        build=settings.build_id,
        has_health_key=settings.health_key is not None,
        max_creates=settings.max_creates_per_hour,
        max_blocks=settings.max_blocks_per_hour,
        retry=(settings.retry_first_seconds, settings.retry_cap_seconds),
        breaker=(settings.breaker_first_seconds, settings.breaker_cap_seconds),
        longest_request=longest if own is None else own,
        erp_longest=longest,
        transaction_margin=settings.transaction_margin_seconds,
        deadline=settings.invocation_deadline_seconds,
        queue_wait=settings.queue_wait_seconds,
        write_back=settings.write_back_customer_account,
        written_back=bool(app.field_map.written_back),
        has_integration_user=settings.integration_user_id is not None,
        longest_run=limits.longest_run,
        longest_lock=limits.longest_lock,
    )
