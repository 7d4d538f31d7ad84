"""Whether the app and infra/ agree on the settings: what one has and the other lacks."""

from collections.abc import Iterator, Mapping
from enum import Enum

from shared.environment import SettingsError, load_settings
from shared.setting_types import TargetName
from shared.settings import Settings, environment_names
from tests.infra.app import BUS, AppNeeds
from tests.infra.bicep import Code, Value
from tests.infra.deployment import AN_ID, parameters_in, settings_with
from tests.infra.target_checks import of_targets
from tests.infra.templates import AZD, Infra

# For the stand alone, part of the package, or set by the platform itself.
OF_THE_PLATFORM = {"WEBSITE_HOSTNAME"}
NEVER_IN_AZURE = {
    *OF_THE_PLATFORM,
    "ServiceBus",
    "SERVICEBUS_CONTROL",
    "TABLES_CONNECTION",
    "LOCAL_TOKEN",
    "BUILD_ID",
    "TELEMETRY_FILE",
}
NO_CHOICE_IN_AZURE = {"file"}  # of TELEMETRY
ONLY_IN_AZURE = {"ServiceBus__fullyQualifiedNamespace", "TABLES_ENDPOINT", "AZURE_CLIENT_ID"}
OF_THE_HOST = {  # or of the exporter, which reads its settings itself
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    f"{BUS}__credential",
    f"{BUS}__clientId",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",  # of the sign-in
}
OF_THE_EXAMPLE = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
# What docs/deploy.md says to set with `azd env set`, for each target.
OF_AZD = {
    TargetName.OPERATIONS: {
        "OPERATIONS_URL": "https://contoso.operations.dynamics.com",
        "OPERATIONS_COMPANY": "usmf",
        "OPERATIONS_CUSTOMER_GROUP": "10",
    },
    TargetName.BUSINESS_CENTRAL: {
        "TARGET": "business-central",
        "BUSINESS_CENTRAL_URL": "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production",
        "BUSINESS_CENTRAL_COMPANY": "CRONUS USA, Inc.",
        "BUSINESS_CENTRAL_CLIENT_ID": AN_ID,
    },
    TargetName.NAV: {
        "TARGET": "nav",
        "NAV_URL": "https://nav.contoso.com:7048/DynamicsNAV110",
        "NAV_COMPANY": "CRONUS International Ltd.",
        "NAV_USER": "ACCOUNTSYNC",
    },
}


def every_setting_has_its_place(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Each setting of the app is set, may be tuned, or is not for Azure; infra sets no other."""
    placed = set(infra.app_settings) | of_targets(infra)
    names = set(app.settings)
    yield from (f"{name} is required and not set" for name in app.required - placed)
    yield from (
        f"{name} is a setting that infra neither sets nor lets tune"
        for name in names - placed - infra.tuning - NEVER_IN_AZURE
    )
    yield from (f"infra sets {name}, which the app does not read" for name in placed - names - OF_THE_HOST)
    yield from (f"infra lets tune {name}, which the app does not read" for name in infra.tuning - names)
    yield from (f"{name} is both set and tuned" for name in infra.tuning & placed)
    yield from (f"{name} must not be set in Azure" for name in (placed | infra.tuning) & NEVER_IN_AZURE)
    yield from (f"{name} must be set in Azure" for name in (ONLY_IN_AZURE | OF_THE_HOST) - placed)


def the_example_has_every_setting(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """local.settings.json.example."""
    names = set(app.settings) - ONLY_IN_AZURE - OF_THE_PLATFORM
    yield from (f"the example lacks {name}" for name in names - set(app.example))
    yield from (f"the example has {name}" for name in set(app.example) - names - OF_THE_EXAMPLE)


def the_app_starts_with_what_infra_sets(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The settings of each environment and each target, with values in the place of what only Azure knows."""
    shown = set[str]()
    for at, given in _deployments(infra):
        values = environment_of(infra, given)
        try:
            shown.add(load_settings(values)[0].target)
        except SettingsError as error:
            yield f"{at}: {error}"
    yield from (f"no parameter file is for {target}" for target in set(TargetName) - shown)


def _deployments(infra: Infra) -> Iterator[tuple[str, dict[str, Value]]]:
    """The parameters of each file; of azd's, as they are for each target."""
    for path in infra.parameter_files:
        environments = OF_AZD if path == AZD else {"": {}}
        for target, environment in environments.items():
            yield f"{path} {target}".strip(), parameters_in(infra, path, environment)


def environment_of(infra: Infra, given: Mapping[str, Value]) -> dict[str, str]:
    """The app settings under the parameters of one file, with what the vault answers."""
    return {
        name: "what the vault answers with" if "@Microsoft.KeyVault" in value else value
        for name, value in settings_with(infra, given).items()
    }


def choices_are_the_same(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Where the app knows a closed list of values, infra allows exactly those."""
    names = environment_names()
    settings = infra.app_settings | infra.target_settings
    for field, info in Settings.model_fields.items():
        kind = info.annotation
        value = settings.get(names[field])
        if not (isinstance(kind, type) and issubclass(kind, Enum)) or not isinstance(value, Code):
            continue
        if str(value) not in infra.main.params:
            continue  # an expression; the settings that it comes to are loaded above
        allowed = infra.main.params[str(value)].decorators.get("allowed", [[]])[0]
        if (
            not isinstance(allowed, list)
            or set(map(str, allowed)) != {str(one.value) for one in kind} - NO_CHOICE_IN_AZURE
        ):
            yield f"{names[field]}: infra allows {allowed}, the app {[str(one.value) for one in kind]}"


SETTINGS_CHECKS = (
    every_setting_has_its_place,
    the_example_has_every_setting,
    the_app_starts_with_what_infra_sets,
    choices_are_the_same,
)
