"""Reads the settings, once, from the environment, and lists every problem at once.

No other module reads the environment.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from shared.console_settings import ConsoleLogin
from shared.field_maps import FieldMapError, load_field_map
from shared.model.field_map import FieldMap
from shared.model.field_source import CUSTOMER
from shared.setting_types import Credential, TargetName, holds_secret
from shared.settings import Settings, environment_names

_NEEDED_BY = {
    TargetName.OPERATIONS: ("operations_url",),
    TargetName.BUSINESS_CENTRAL: ("business_central_url",),
    TargetName.NAV: ("nav_url", "nav_user", "nav_access_key"),
}
_BUSINESS_CENTRAL_PARTITIONS = 4  # of the 5 requests that it takes at a time, one is for heal and commands
_SLASHES_OF_OWN_PAGE = 3  # api/PUBLISHER/GROUP/VERSION; the standard API is api/v2.0
_LEAST_LONGEST_REQUEST = 960  # Business Central queues a request for 8 minutes and runs it for 8 more
_HOST_FILE = Path(__file__).parents[1] / "host.json"

# The first model that is built would search all installed packages for plugins of pydantic.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class SettingsError(Exception):
    """The configuration is wrong; the message names every setting at fault and its remedy.

    `problems`: the same, one text for each problem.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        report = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"The app settings are not right:\n{report}")


def load_settings(
    environment: Mapping[str, str] | None = None, *, takes_events: bool = True
) -> tuple[Settings, FieldMap]:
    """The settings and the field map they name. Raises SettingsError with every problem found.

    `takes_events` is false for the operator's tool, which can tell the id that the app has to have.
    """
    environment = os.environ if environment is None else environment
    names = environment_names().values()
    given = {name: environment[name] for name in names if environment.get(name, "").strip()}
    if environment.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "false":
        given["CONSOLE_LOGIN"] = (
            ConsoleLogin.OFF
        )  # the platform passes on whatever a request says of a person
    target = given.get("TARGET", TargetName.OPERATIONS)
    if target not in set(TargetName):
        raise SettingsError([f"TARGET: there is no ERP {target!r}; there is {', '.join(TargetName)}"])
    target = TargetName(target)
    if target is TargetName.BUSINESS_CENTRAL:
        given.setdefault("SYNC_PARTITIONS", str(_BUSINESS_CENTRAL_PARTITIONS))
    problems = [*_mismatches(given), *_sessions(environment), *_missing(given, target)]
    problems += _of_target(given, target)
    if takes_events:
        problems += _missing_organization(given)
    settings = field_map = None
    try:
        field_map = load_field_map(given.get("FIELD_MAP", target), target)
        problems += [*_unusable(field_map, environment), *_without_page(field_map, given, target)]
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
        raise SettingsError(problems)
    return settings, field_map


def restart_command() -> str:
    """Return the command that restarts this app, with its names where Azure tells them."""
    name = os.environ.get("WEBSITE_SITE_NAME", "APP")
    group = os.environ.get("WEBSITE_RESOURCE_GROUP", "RESOURCE-GROUP")
    return f"az functionapp restart --name {name} --resource-group {group}"


def _given(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((field, name) for field, name in environment_names().items() if name in given)


def _unusable(field_map: FieldMap, environment: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the settings that the field map takes values from."""
    fields = Settings.model_fields.items()
    secrets = {info.alias or name.upper() for name, info in fields if holds_secret(info.annotation)}
    for name in sorted(field_map.settings):
        if name in secrets:
            yield f"{name}: is a secret; a field map must not send it to the ERP"
        elif not environment.get(name, "").strip():
            yield f"{name}: is missing; the field map needs it"


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
    if not local and given.get("CONSOLE_LOGIN") == ConsoleLogin.LOCAL:
        yield "CONSOLE_LOGIN: local is for CREDENTIAL=local only; it must be easy-auth or off"


def _of_target(given: Mapping[str, str], target: TargetName) -> Iterator[str]:
    """What the settings of this ERP must be, beyond their types."""
    partitions, longest = given.get("SYNC_PARTITIONS", ""), given.get("LONGEST_REQUEST_SECONDS", "")
    too_many = partitions.isdecimal() and int(partitions) > _BUSINESS_CENTRAL_PARTITIONS
    if target is TargetName.BUSINESS_CENTRAL:
        if too_many:
            yield f"SYNC_PARTITIONS: is {partitions}; Business Central allows {_BUSINESS_CENTRAL_PARTITIONS}"
        yield from _sign_in(given)
    too_short = longest.isdecimal() and int(longest) < _LEAST_LONGEST_REQUEST
    if too_short and target is not TargetName.OPERATIONS and given.get("CREDENTIAL") != Credential.LOCAL:
        yield (
            f"LONGEST_REQUEST_SECONDS: is {longest}; a request to this ERP may take effect for "
            f"{_LEAST_LONGEST_REQUEST} seconds: take the setting out"
        )


def _without_page(field_map: FieldMap, given: Mapping[str, str], target: TargetName) -> Iterator[str]:
    """What the field map needs of Business Central's customers and the standard API does not have.

    Numbers that it assigns need a field with the account's id. No field refers to another customer.
    """
    path = "BUSINESS_CENTRAL_API_PATH"
    standard = given.get(path, "").count("/") < _SLASHES_OF_OWN_PAGE
    if target is not TargetName.BUSINESS_CENTRAL or not standard:
        return
    if field_map.key.assigned_by_erp:
        second = field_map.key.second_key
        yield f"{path}: is the standard API, which has no field {second}: name the page that has it"
    for name in field_map.customer_fields:
        yield (
            f'FIELD_MAP: fields.{name} says via = "{CUSTOMER}", and the standard API has no field that takes '
            f"another customer: take the entry out, or name in {path} the page that has {name}"
        )


def _sign_in(given: Mapping[str, str]) -> Iterator[str]:
    """An application needs its tenant, and a secret or a certificate; a managed identity needs nothing."""
    prefix = "BUSINESS_CENTRAL_"
    names = ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "CERTIFICATE")
    has = {name: f"{prefix}{name}" in given for name in names}
    if not any(has.values()):
        return
    for name in ("TENANT_ID", "CLIENT_ID"):
        if not has[name]:
            yield f"{prefix}{name}: is missing; the application that signs in needs it"
    if has["CLIENT_SECRET"] == has["CERTIFICATE"]:
        found = "both are" if has["CERTIFICATE"] else "neither is"
        yield f"{prefix}CLIENT_SECRET or {prefix}CERTIFICATE: exactly one is needed, {found} set"


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
