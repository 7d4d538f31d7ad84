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
    from shared.web.odata import ODataClient


class Links(Protocol):
    """Addresses in the ERP by name: its system's own for a list, and `..._record` for one customer."""

    def __call__(self, company: str, customer: CustomerKey | None) -> Mapping[str, str]:
        """The addresses for a company or for one of its customers."""
        ...


@dataclass(frozen=True, slots=True)
class Erp:
    """What the folder of one ERP offers; `target` makes its adapter over a client that is open."""

    capabilities: Capabilities
    url: str
    links: Links
    target: "Callable[[ODataClient], Target]"


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
    address, company = urlsplit(erp.url), field_map.company.setting
    name = settings.named(company) if company else None
    return InUse(str(settings.target), address.netloc, address.path, name or "")


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

    url = settings.operations_url
    return Erp(capabilities(field_map), url, partial(links, url), target)


def _business_central(settings: Settings, field_map: FieldMap) -> Erp:
    from shared.targets.business_central.capabilities import capabilities
    from shared.targets.business_central.links import links

    def target(client: "ODataClient") -> "Target":
        from shared.targets.business_central.target import BusinessCentralTarget

        setting = field_map.company.setting
        return BusinessCentralTarget(
            client,
            field_map,
            api_path=settings.business_central_api_path,
            local_currency=settings.business_central_local_currency,
            company=settings.named(setting) if setting else None,
        )

    url = settings.business_central_url
    return Erp(capabilities(field_map), url, partial(links, url), target)


def _nav(settings: Settings, field_map: FieldMap) -> Erp:
    from shared.targets.nav.capabilities import capabilities
    from shared.targets.nav.links import links

    protocol = "v3" if settings.nav_protocol is NavProtocol.V3 else "v4"
    setting = field_map.company.setting

    def target(client: "ODataClient") -> "Target":
        from shared.targets.nav.target import NavTarget

        return NavTarget(
            client,
            field_map,
            service=settings.nav_service,
            currency_service=settings.nav_currency_service,
            protocol=protocol,
            local_currency=settings.nav_local_currency,
            company=settings.named(setting) if setting else None,
        )

    url, found = settings.nav_url, capabilities(field_map, settings.nav_local_currency)
    addresses = partial(links, url, service=settings.nav_service, protocol=protocol)
    return Erp(found, url, addresses, target)
