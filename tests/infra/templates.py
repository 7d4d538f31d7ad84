"""The files of infra/ as the checks see them, from the disk or with changes that a test makes to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.infra.bicep import BicepFile, Code, Declared, Resource, Value, parse, parse_parameters

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
MAIN = "main.bicep"
AZD = "main.bicepparam"
TYPES = "types.bicep"
ACCESS = "modules/access.bicep"
ALERTS = "modules/alerts.bicep"
LOG_ALERTS = "modules/log_alerts.bicep"
APP = "modules/function_app.bicep"
BUS = "modules/service_bus.bicep"
MONITORING = "modules/monitoring.bicep"
NETWORK = "modules/network.bicep"
STORAGE = "modules/storage.bicep"
VAULT = "modules/key_vault.bicep"
PROD = "parameters/prod.bicepparam"
BUSINESS_CENTRAL = "parameters/examples/business-central.bicepparam"
NAV = "parameters/examples/nav.bicepparam"


@dataclass(frozen=True)
class Infra:
    """Path relative to infra/ -> text."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls) -> "Infra":
        """What is on the disk."""
        files = [*INFRA.rglob("*.bicep"), *INFRA.rglob("*.bicepparam"), *INFRA.rglob("*.json")]
        return cls({file.relative_to(INFRA).as_posix(): file.read_text(encoding="utf-8") for file in files})

    def changed(self, path: str, old: str, new: str) -> "Infra":
        """A copy in which a text stands instead of another, which must be there."""
        text = self.texts[path]
        assert old in text, f"{old!r} is not in {path}"
        return Infra({**self.texts, path: text.replace(old, new)})

    @cached_property
    def files(self) -> dict[str, BicepFile]:
        """The Bicep files by path."""
        return {path: parse(text) for path, text in self.texts.items() if path.endswith(".bicep")}

    @property
    def main(self) -> BicepFile:
        """main.bicep."""
        return self.files[MAIN]

    def module(self, name: str) -> BicepFile:
        """One of modules/."""
        return self.files[f"modules/{name}.bicep"]

    @cached_property
    def parameter_texts(self) -> dict[str, tuple[str, BicepFile]]:
        """The parameter files by path: the template they are for, and their parameters as variables."""
        found = {path: text for path, text in self.texts.items() if path.endswith(".bicepparam")}
        return {path: parse_parameters(text) for path, text in found.items()}

    @property
    def parameter_files(self) -> dict[str, dict[str, Value]]:
        """The parameters of each parameter file."""
        return {
            path: {name: given.value for name, given in file.variables.items()}
            for path, (_, file) in self.parameter_texts.items()
        }

    @property
    def types(self) -> Mapping[str, Declared]:
        """The types that the templates share."""
        return self.files[TYPES].types

    def resources(self, kind: str, *, existing: bool = False) -> list[Resource]:
        """All resources of a type in all files."""
        every = (resource for file in self.files.values() for resource in file.resources)
        return [one for one in every if one.type == kind and one.existing == existing]

    @property
    def queues(self) -> dict[str, dict[str, Value]]:
        """The properties of each queue."""
        kind = "Microsoft.ServiceBus/namespaces/queues"
        return {str(one.body["name"]): properties(one) for one in self.resources(kind)}

    @property
    def tables(self) -> list[str]:
        """The names of the tables."""
        names = self.main.variables["tableNames"].value
        return [str(name) for name in names] if isinstance(names, list) else []

    def site_configuration(self, name: str) -> Resource:
        """One of the configurations of the app, such as its settings."""
        found = self.resources("Microsoft.Web/sites/config")
        (one,) = [resource for resource in found if resource.body["name"] == name]
        return one

    @property
    def app_settings(self) -> dict[str, Value]:
        """Every setting that is always set: those of function_app.bicep and those handed to it."""
        settings = self.site_configuration("appsettings")
        return self.operator_settings | _last_of_union(settings.body["properties"])

    @property
    def operator_settings(self) -> dict[str, Value]:
        """Those of them that are an output, for `accountsync`."""
        given = self.main.modules["functionApp"].body["params"]
        assert isinstance(given, dict)
        handed = given["appSettings"]
        assert isinstance(handed, dict)
        return handed | _last_of_union(self.module("function_app").variables["settingsOfTheApp"].value)

    @property
    def target_settings(self) -> dict[str, Value]:
        """The settings of all targets, as main.bicep has them; of a call of union(), the last argument."""
        by_target = self.main.variables["settingsOfTargets"].value
        assert isinstance(by_target, dict)
        found: dict[str, Value] = {}
        for settings in by_target.values():
            found |= settings if isinstance(settings, dict) else _last_of_union(settings)
        return found

    @property
    def tuning(self) -> set[str]:
        """The settings that may be set through the parameter `tuning`."""
        declared = self.types["Tuning"].value
        return set(declared) if isinstance(declared, dict) else set()


def properties(resource: Resource) -> dict[str, Value]:
    """The `properties` of a resource."""
    found = resource.body.get("properties", {})
    return found if isinstance(found, dict) else {}


def _last_of_union(value: Value) -> dict[str, Value]:
    """The object literal that a call of union() ends with."""
    assert isinstance(value, Code)
    own = value.arguments[-1]
    assert isinstance(own, dict)
    return own
