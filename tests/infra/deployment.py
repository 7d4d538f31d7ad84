"""What the templates' expressions come to in one deployment, as far as the app's settings take.

In: the files of infra/ and the parameters that are given. Out: plain values. What only Azure knows (host
names, addresses, ids) gets something of the same form in its place.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from tests.infra.bicep import BicepFile, Code, Resource, Value, expression, text_of, value_of
from tests.infra.templates import MAIN, Infra

AN_ID = "d0000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Scope:
    """A template with the parameters that it is given."""

    infra: Infra
    file: BicepFile
    given: Mapping[str, Value]

    def value(self, value: Value) -> Value:
        """A literal, or what an expression comes to."""
        match value:
            case Code():
                return self._expression(expression(value))
            case dict():
                return {key: self.value(inner) for key, inner in value.items()}
            case list():
                return [self.value(inner) for inner in value]
            case _:
                return value

    def parameter(self, name: str) -> Value:
        """What a parameter is: given, or its default."""
        return self.given[name] if name in self.given else self.value(self.file.params[name].value)

    def module(self, symbol: str) -> "Scope":
        """The template of a module, with what it is given here."""
        called = self.file.modules[symbol]
        return Scope(self.infra, self.infra.files[called.path], self._params(called))

    def _params(self, called: Resource) -> dict[str, Value]:
        given = self.value(called.body["params"])
        assert isinstance(given, dict)
        return given

    def _expression(self, node: Node) -> Value:
        parts = node.named_children
        match node.type:
            case "identifier":
                return self._named(text_of(node))
            case "member_expression":
                return self._member(text_of(node).replace("!", "").split("."))
            case "subscript_expression":
                choices, key = self._of(parts[0]), self._of(parts[1])
                return choices[str(key)] if isinstance(choices, dict) else None
            case "ternary_expression":
                return self._of(parts[1] if self._of(parts[0]) else parts[2])
            case "binary_expression" if node.children[1].type == "==":
                return self._of(parts[0]) == self._of(parts[1])
            case "string":
                return "".join(self._text(one) for one in parts)
            case "call_expression":
                return self._call(node)
            case _:
                return text_of(node)

    def _of(self, node: Node) -> Value:
        return self.value(value_of(node))

    def _text(self, part: Node) -> str:
        return (
            str(self._of(part.named_children[0]))
            if part.type == "interpolation"
            else text_of(part).removeprefix("\\")
        )

    def _named(self, name: str) -> Value:
        if name in self.file.params:
            return self.parameter(name)
        return self.value(self.file.variables[name].value) if name in self.file.variables else name

    def _member(self, path: list[str]) -> Value:
        """An output of a module, if it is made of text; anything else is known only in Azure."""
        if len(path) == 3 and path[0] in self.file.modules:
            output = self.infra.files[self.file.modules[path[0]].path].outputs[path[2]].value
            if isinstance(output, Code) and output.startswith("'"):
                return self.module(path[0]).value(output)
        return _known_in_azure(path[-1])

    def _call(self, node: Node) -> Value:
        name = text_of(node.children[0])
        arguments = [self._of(one) for one in node.children[-1].named_children]
        match name, arguments:
            case "union", _:
                parts = [one for one in arguments if isinstance(one, dict)]
                return {key: value for one in parts for key, value in one.items()}
            case "string", [one]:
                return str(one)
            case "empty", [one]:
                return not one
            case "cidrSubnet", [str(network), int(size), int(index)]:
                return str(list(ipaddress.ip_network(network).subnets(new_prefix=size))[index])
            case _:
                return f"{name}-of-azure"


def _known_in_azure(name: str) -> str:
    if name.endswith("Id"):
        return AN_ID
    return f"{name.lower()}.example.net" if name.endswith("Name") else f"https://{name.lower()}.example.net/"


def main_with(infra: Infra, given: Mapping[str, Value]) -> Scope:
    """The whole deployment under these parameters; what is needed and not given is an address or an id."""
    needed = {name: _known_in_azure(name) for name, one in infra.main.params.items() if not one.has_value}
    return Scope(infra, infra.files[MAIN], {**needed, **given})


def settings_with(infra: Infra, given: Mapping[str, Value]) -> dict[str, str]:
    """The app settings of a deployment with these parameters."""
    settings = infra.site_configuration("appsettings")
    return _texts(main_with(infra, given).module("functionApp").value(settings.body["properties"]))


def operator_settings_with(infra: Infra, given: Mapping[str, Value]) -> dict[str, str]:
    """Those of them that are an output, for `accountsync`."""
    output = infra.module("function_app").variables["settingsOfTheApp"].value
    return _texts(main_with(infra, given).module("functionApp").value(output))


def _texts(found: Value) -> dict[str, str]:
    assert isinstance(found, dict)
    return {name: str(value) for name, value in found.items()}


def parameters_in(infra: Infra, path: str, environment: Mapping[str, str] | None = None) -> dict[str, Value]:
    """The parameters of one file; what it reads from the environment and is not there gets its default."""
    return {name: _read(value, environment or {}) for name, value in infra.parameter_files[path].items()}


def _read(value: Value, environment: Mapping[str, str]) -> Value:
    if not isinstance(value, Code):
        return value
    name, *default = map(str, value.arguments)
    if name in environment:
        return environment[name]
    in_its_place = AN_ID if name.endswith("_ID") else f"https://{name.lower().replace('_', '-')}.example.net"
    return default[0] if default else in_its_place
