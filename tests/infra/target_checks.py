"""Whether each ERP gets its own settings, secrets as references, and a way to it; what one side lacks."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from shared.environment import load_settings
from shared.setting_types import TargetName, holds_secret
from shared.settings import Settings, environment_names
from tests.infra.app import AppNeeds
from tests.infra.bicep import Value
from tests.infra.deployment import AN_ID, main_with, settings_with
from tests.infra.templates import Infra, properties

SIGN_IN = "businessCentralSignIn"
# What is not set where the app signs in to Business Central in this way.
NOT_WITH = {
    "secret": {"CERTIFICATE"},
    "certificate": {"CLIENT_SECRET"},
    "managed-identity": {"CERTIFICATE", "CLIENT_SECRET", "TENANT_ID", "CLIENT_ID"},
}
PREFIXES = {target: f"{target.upper().replace('-', '_')}_" for target in TargetName}
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=https://[\w.-]+/secrets/(?P<name>[\w-]+)\)")


def secret_settings() -> set[str]:
    """The names of the settings that are secrets."""
    names, fields = environment_names(), Settings.model_fields.items()
    return {names[field] for field, info in fields if holds_secret(info.annotation)}


def deployments(infra: Infra) -> Iterator[tuple[str, dict[str, Value], dict[str, str]]]:
    """Each target, and each way to sign in to Business Central: parameters, and the settings they give.

    Each parameter of an ERP is given as its own name, which shows where it goes.
    """
    given: dict[str, Value] = {
        name: name
        for name, one in infra.main.params.items()
        if re.match(r"(operations|businessCentral|nav)[A-Z]", name) and "allowed" not in one.decorators
    }
    for target in TargetName:
        for sign_in in NOT_WITH if target is TargetName.BUSINESS_CENTRAL else ["secret"]:
            own: dict[str, Value] = {**given, "target": str(target), SIGN_IN: sign_in}
            yield f"{target} ({sign_in})", own, settings_with(infra, own)


def of_targets(infra: Infra) -> set[str]:
    """The settings that are set for some target."""
    prefixes = tuple(PREFIXES.values())
    return {name for _, _, found in deployments(infra) for name in found if name.startswith(prefixes)}


def each_target_has_its_own_settings_alone(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """All settings of the target in use, from the parameter of the same name; none of another target."""
    for at, given, found in deployments(infra):
        target = TargetName(str(given["target"]))
        prefix = PREFIXES[target]
        wanted = {name for name in app.settings if name.startswith(prefix)} - infra.tuning
        if target is TargetName.BUSINESS_CENTRAL:
            wanted -= {f"{prefix}{name}" for name in NOT_WITH[str(given[SIGN_IN])]}
        placed = {name for name in found if name.startswith(tuple(PREFIXES.values()))}
        yield from (f"{at}: {name} is not set" for name in sorted(wanted - placed))
        yield from (f"{at}: {name} is set and not the target's" for name in sorted(placed - wanted))
        for name in sorted((placed & wanted) - secret_settings()):
            first, *more = name.lower().split("_")
            parameter = first + "".join(map(str.capitalize, more))
            if parameter in given and found[name] != given[parameter]:
                yield f"{at}: {name} is {found[name]}, not the parameter {parameter}"


def secrets_stay_in_the_vault(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """A secret is set as a reference to the one of its name: the settings are an output of the deployment."""
    secrets = secret_settings()
    yield from (f"{name} is a secret and may be tuned" for name in sorted(secrets & infra.tuning))
    for at, _, found in deployments(infra):
        for name in sorted(secrets & set(found)):
            reference = REFERENCE.fullmatch(found[name])
            if reference is None:
                yield f"{at}: {name} is a secret and leaves with the outputs"
            elif reference["name"] != name.lower().replace("_", "-"):
                yield f"{at}: {name} refers to {reference['name']}"


def partitions_are_those_of_the_target(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Without the parameter there are as many as the app itself would take."""
    for at, given, found in deployments(infra):
        values = {"CREDENTIAL": "local", "LOCAL_TOKEN": "x", **_example(app, str(given["target"]))}
        own = load_settings(values, takes_events=False)[0].sync_partitions
        if found["SYNC_PARTITIONS"] != str(own):
            yield f"{at}: SYNC_PARTITIONS is {found['SYNC_PARTITIONS']}, the app's own default is {own}"


def _example(app: AppNeeds, target: str) -> dict[str, str]:
    """The settings of the local stand for a target, without the partitions."""
    addresses = {f"{prefix}URL": "https://erp.example.net" for prefix in PREFIXES.values()}
    names = {f"{prefix}COMPANY": "CRONUS" for prefix in PREFIXES.values()}
    own = addresses | names | {"NAV_USER": "U", "NAV_ACCESS_KEY": "K", "TARGET": target}
    left_out = {"SYNC_PARTITIONS", "FIELD_MAP", "LONGEST_REQUEST_SECONDS"}
    return {name: value for name, value in (app.example | own).items() if name not in left_out}


def field_maps_set_nothing_of_the_app(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """`fieldMapSettings` is for names that only a field map knows: a secret there would be in plain text."""
    for path, given in infra.parameter_files.items():
        own = given.get("fieldMapSettings")
        for name in sorted(set(own) & set(app.settings)) if isinstance(own, dict) else ():
            yield f"{path}: {name} is a setting of the app, no setting of a field map"


def outgoing_traffic_takes_the_network(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """A subnet that is given is the app's, such as one from which NAV is reached; or the network's own."""
    (site,) = infra.resources("Microsoft.Web/sites")
    for private, wanted in ((False, "a subnet"), (True, AN_ID)):
        main = main_with(infra, {"appSubnetId": "a subnet", "privateNetworking": private})
        found = main.module("functionApp").value(properties(site).get("virtualNetworkSubnetId"))
        if found != wanted:
            yield f"with privateNetworking {private} the app's outgoing traffic goes through {found}"
    network = main_with(infra, {"networkAddressPrefix": "10.9.8.0/24"}).module("network")
    (one,) = infra.resources("Microsoft.Network/virtualNetworks")
    found = network.value(properties(one))
    assert isinstance(found, dict)
    ranges = [IPv4Network(str(range_)) for range_ in _found_at(found, "addressPrefix")]
    inside = IPv4Network("10.9.8.0/24")
    if any(not range_.subnet_of(inside) for range_ in ranges) or ranges[0].overlaps(ranges[1]):
        yield f"the subnets {list(map(str, ranges))} do not share {inside}"
    if _found_at(found, "serviceName") != ["Microsoft.App/environments"]:
        yield "one subnet must be the app's: delegated to Microsoft.App/environments"
    if "dnsServers" not in str(properties(one).get("dhcpOptions")):
        yield "the network does not take the DNS servers"


def _found_at(value: Value, key: str) -> list[Value]:
    """Everything that stands under a key, at any depth."""
    match value:
        case dict():
            deeper = [found for inner in value.values() for found in _found_at(inner, key)]
            return ([value[key]] if key in value else []) + deeper
        case list():
            return [found for inner in value for found in _found_at(inner, key)]
        case _:
            return []


TARGET_CHECKS = (
    each_target_has_its_own_settings_alone,
    secrets_stay_in_the_vault,
    partitions_are_those_of_the_target,
    field_maps_set_nothing_of_the_app,
    outgoing_traffic_takes_the_network,
)
