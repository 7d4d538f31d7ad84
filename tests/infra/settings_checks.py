"""Whether the app and infra/ agree on the settings: what one has and the other lacks."""

import re
from collections.abc import Iterator
from enum import Enum

from shared.environment import SettingsError, load_settings
from shared.settings import Settings, environment_names
from tests.infra.app import BUS, AppNeeds
from tests.infra.bicep import Code, Value
from tests.infra.templates import Infra

# For the stand alone, or part of the package.
NEVER_IN_AZURE = {"ServiceBus", "SERVICEBUS_CONTROL", "TABLES_CONNECTION", "LOCAL_TOKEN", "BUILD_ID"}
ONLY_IN_AZURE = {"ServiceBus__fullyQualifiedNamespace", "TABLES_ENDPOINT", "AZURE_CLIENT_ID"}
OF_THE_HOST = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    f"{BUS}__credential",
    f"{BUS}__clientId",
}
OF_THE_EXAMPLE = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
TELEMETRY_SWITCH = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"


def every_setting_has_its_place(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Each setting of the app is set, may be tuned, or is not for Azure; infra sets no other."""
    placed = set(infra.app_settings)
    names = set(app.settings)
    yield from (f"{name} is required and not set" for name in app.required - placed)
    yield from (
        f"{name} is a setting that infra neither sets nor lets tune"
        for name in names - placed - infra.tuning - NEVER_IN_AZURE
    )
    yield from (
        f"infra sets {name}, which the app does not read"
        for name in placed - names - OF_THE_HOST - {TELEMETRY_SWITCH}
    )
    yield from (f"infra lets tune {name}, which the app does not read" for name in infra.tuning - names)
    yield from (f"{name} is both set and tuned" for name in infra.tuning & placed)
    yield from (f"{name} must not be set in Azure" for name in (placed | infra.tuning) & NEVER_IN_AZURE)
    yield from (f"{name} must be set in Azure" for name in (ONLY_IN_AZURE | OF_THE_HOST) - placed)


def the_example_has_every_setting(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """local.settings.json.example."""
    names = set(app.settings) - ONLY_IN_AZURE
    yield from (f"the example lacks {name}" for name in names - set(app.example))
    yield from (f"the example has {name}" for name in set(app.example) - names - OF_THE_EXAMPLE)


def the_app_starts_with_what_infra_sets(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The settings of each environment, with values in the place of what is known only in Azure."""
    for path, given in infra.parameter_files.items():
        try:
            load_settings(environment_of(infra, given))
        except SettingsError as error:
            yield f"{path}: {error}"


def environment_of(infra: Infra, given: dict[str, Value]) -> dict[str, str]:
    """The app settings under the parameters of one file."""
    defaults = {name: one.value for name, one in infra.main.params.items() if one.has_value}
    values = {**defaults, **{name: _read(value) for name, value in given.items()}}
    found: dict[str, str] = {}
    for name, value in infra.app_settings.items():
        text = str(value)
        if "@Microsoft.KeyVault" in text:
            text = "what the vault answers with"
        elif isinstance(value, Code):
            parameter = re.sub(r"^string\((\w+)\)$", r"\1", text)
            host = f"{parameter.lower()}.example.net"
            text = str(values.get(parameter, host if "HostName" in parameter else f"https://{host}"))
        found[name] = text
    tuning = given.get("tuning")
    return found | {name: str(value) for name, value in (tuning if isinstance(tuning, dict) else {}).items()}


def _read(value: Value) -> Value:
    """A value of a parameter file; where it reads the environment, its default or something in its place."""
    if not isinstance(value, Code):
        return value
    name, *default = value.arguments
    in_its_place = f"https://{str(name).lower().replace('_', '-')}.example.net"
    if str(name).endswith("_ID"):
        in_its_place = "d0000000-0000-4000-8000-000000000000"
    return default[0] if default else in_its_place


def choices_are_the_same(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Where the app knows a closed list of values, infra allows exactly those."""
    names = environment_names()
    for field, info in Settings.model_fields.items():
        kind = info.annotation
        value = infra.app_settings.get(names[field])
        if not (isinstance(kind, type) and issubclass(kind, Enum)) or not isinstance(value, Code):
            continue
        allowed = infra.main.params[str(value)].decorators.get("allowed", [[]])[0]
        if not isinstance(allowed, list) or set(map(str, allowed)) != {str(one.value) for one in kind}:
            yield f"{names[field]}: infra allows {allowed}, the app {[str(one.value) for one in kind]}"


def secrets_stay_in_the_vault(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """A secret is set as a reference only: the settings are an output of the deployment."""
    names = environment_names()
    for field, info in Settings.model_fields.items():
        if "SecretStr" not in f"{info.annotation}":
            continue
        value = str(infra.app_settings.get(names[field], ""))
        if (value and not value.startswith("'@Microsoft.KeyVault(")) or names[field] in infra.tuning:
            yield f"{names[field]} is a secret and leaves with the outputs"


SETTINGS_CHECKS = (
    secrets_stay_in_the_vault,
    every_setting_has_its_place,
    the_example_has_every_setting,
    the_app_starts_with_what_infra_sets,
    choices_are_the_same,
)
