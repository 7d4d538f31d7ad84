"""The ERP in use: the setting TARGET picks its folder in shared/targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from shared.model.capabilities import Capabilities
from shared.model.control import InUse
from shared.model.customer import CustomerKey, Fingerprints
from shared.model.field_map import FieldMap
from shared.setting_types import NavProtocol, OnGone, TargetName
from shared.settings import Settings
from shared.sync.rules import Rules

if TYPE_CHECKING:
    from shared.ports import Target
    from shared.ports.metadata import SetUp
    from shared.web.odata import ODataClient


class Links(Protocol):
    """Addresses in the ERP by name: its system's own for a list, and `..._record` for one customer."""

    def __call__(self, company: str, customer: CustomerKey | None) -> Mapping[str, str]:
        """The addresses for a company or for one of its customers."""
        ...


@dataclass(frozen=True, slots=True)
class Erp:
    """What the folder of one ERP offers.

    `target` makes its adapter over a client that is open, `set_up` what checks the ERP's own points.
    """

    capabilities: Capabilities
    url: str
    links: Links
    target: "Callable[[ODataClient], Target]"
    set_up: "Callable[[ODataClient], SetUp]"


def erp_of(settings: Settings, field_map: FieldMap) -> Erp:
    """The ERP that the settings name; opens nothing."""
    match settings.target:
        case TargetName.OPERATIONS:
            return _operations(settings, field_map)
        case TargetName.BUSINESS_CENTRAL:
            return _business_central(settings, field_map)
        case TargetName.NAV:
            return _nav(settings, field_map)


def in_use(settings: Settings, field_map: FieldMap, erp: Erp) -> InUse:
    """The ERP that the settings name, as the app remembers it."""
    address = urlsplit(erp.url)
    return InUse(str(settings.target), address.netloc, address.path, _company(settings, field_map) or "")


def rules_of(settings: Settings, field_map: FieldMap, erp: Erp) -> Rules:
    """What the plan of each check follows."""
    secret = settings.fingerprint_key.get_secret_value()
    return Rules(
        field_map,
        erp.capabilities,
        Fingerprints.under(secret, erp.capabilities.code_fields),
        settings.existing_customer,
        block_on_delete=settings.on_delete is OnGone.BLOCK,
        block_on_deactivate=settings.on_deactivate is OnGone.BLOCK,
    )


def _operations(settings: Settings, field_map: FieldMap) -> Erp:
    from shared.targets.operations.capabilities import capabilities
    from shared.targets.operations.links import links

    def target(client: "ODataClient") -> "Target":
        from shared.targets.operations.target import OperationsTarget

        return OperationsTarget(client, field_map)

    def set_up(client: "ODataClient") -> "SetUp":
        from shared.targets.operations.set_up import OperationsSetUp

        texts = {name: settings.named(name) or "" for name in field_map.settings}
        return OperationsSetUp(client, field_map, texts)

    url = settings.operations_url
    return Erp(capabilities(field_map), url, partial(links, url), target, set_up)


def _business_central(settings: Settings, field_map: FieldMap) -> Erp:
    from shared.targets.business_central.capabilities import capabilities
    from shared.targets.business_central.links import links

    company, local_currency = _company(settings, field_map), settings.business_central_local_currency

    def target(client: "ODataClient") -> "Target":
        from shared.targets.business_central.target import BusinessCentralTarget

        return BusinessCentralTarget(
            client,
            field_map,
            api_path=settings.business_central_api_path,
            local_currency=local_currency,
            company=company,
        )

    def set_up(client: "ODataClient") -> "SetUp":
        from shared.targets.business_central.set_up import BusinessCentralSetUp

        return BusinessCentralSetUp(
            client,
            field_map,
            api_path=settings.business_central_api_path,
            company=company,
            local_currency=local_currency,
        )

    url = settings.business_central_url
    return Erp(capabilities(field_map), url, partial(links, url), target, set_up)


def _nav(settings: Settings, field_map: FieldMap) -> Erp:
    from shared.targets.nav.capabilities import capabilities
    from shared.targets.nav.links import links

    protocol = "v3" if settings.nav_protocol is NavProtocol.V3 else "v4"
    company = _company(settings, field_map)

    def target(client: "ODataClient") -> "Target":
        from shared.targets.nav.target import NavTarget

        return NavTarget(
            client,
            field_map,
            service=settings.nav_service,
            currency_service=settings.nav_currency_service,
            protocol=protocol,
            local_currency=settings.nav_local_currency,
            company=company,
        )

    def set_up(client: "ODataClient") -> "SetUp":
        from shared.targets.nav.set_up import NavSetUp

        services = {
            "NAV_SERVICE": settings.nav_service,
            "NAV_CURRENCY_SERVICE": settings.nav_currency_service,
        }
        return NavSetUp(
            client,
            field_map,
            services=services,
            protocol=protocol,
            company=company,
            local_currency=settings.nav_local_currency,
        )

    url, found = settings.nav_url, capabilities(field_map, settings.nav_local_currency)
    addresses = partial(links, url, service=settings.nav_service, protocol=protocol)
    return Erp(found, url, addresses, target, set_up)


def _company(settings: Settings, field_map: FieldMap) -> str | None:
    """The company of a field map that takes it from a setting."""
    setting = field_map.company.setting
    return settings.named(setting) if setting else None
