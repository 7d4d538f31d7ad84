"""Reads Bicep files with tree-sitter, as far as the checks need: declarations, their literal values, names.

In: the text of a .bicep or .bicepparam file. Out: a `BicepFile`. What is no literal stays `Code`, the text of
the expression. It is no compiler: the types of expressions, functions' arguments and what Azure makes of it
are for `bicep build` in the pipelines.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

type Value = str | int | bool | list[Value] | dict[str, Value] | None


class Code(str):
    """An expression that is no literal; of a call, also its arguments; of a ternary, both its values."""

    arguments: tuple["Value", ...]
    choices: tuple["Value", ...]

    def __new__(
        cls, text: str, arguments: tuple["Value", ...] = (), choices: tuple["Value", ...] = ()
    ) -> "Code":
        """Keep the text of the expression."""
        code = super().__new__(cls, text)
        code.arguments = arguments
        code.choices = choices
        return code


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter, variable, type or output: `value` is its default or value, absent without one."""

    name: str
    type: str = ""
    value: Value = None
    has_value: bool = False
    decorators: Mapping[str, list[Value]] = field(default_factory=dict[str, list[Value]])


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource or, with `path`, a module.

    `over` is what a loop runs over, `item` its variable; `condition`: only if.
    """

    symbol: str
    type: str
    version: str
    existing: bool
    body: dict[str, Value]
    over: Value = None
    item: str = ""
    condition: str = ""
    path: str = ""
    decorators: Mapping[str, list[Value]] = field(default_factory=dict[str, list[Value]])


@dataclass(slots=True)
class BicepFile:
    """What a file declares and uses."""

    errors: list[str] = field(default_factory=list[str])
    params: dict[str, Declared] = field(default_factory=dict[str, Declared])
    variables: dict[str, Declared] = field(default_factory=dict[str, Declared])
    types: dict[str, Declared] = field(default_factory=dict[str, Declared])
    outputs: dict[str, Declared] = field(default_factory=dict[str, Declared])
    resources: list[Resource] = field(default_factory=list[Resource])
    modules: dict[str, Resource] = field(default_factory=dict[str, Resource])
    undeclared: list[str] = field(default_factory=list[str])
    functions: set[str] = field(default_factory=set[str])
    module_outputs: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    used: set[str] = field(default_factory=set[str])
    imports: dict[str, str] = field(default_factory=dict[str, str])


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bicep.language()))


def parse(text: str) -> BicepFile:
    """Read one file."""
    root = _parser().parse(text.encode()).root_node
    file = BicepFile()
    decorators: dict[str, list[Value]] = {}
    for node in root.children:
        if node.type == "import_functionality":
            names = [text_of(one) for one in node.named_children if one.type == "identifier"]
            source = value_of(node.named_children[-1])
            file.imports |= dict.fromkeys(names, str(source))
        if node.type == "decorators":
            decorators = dict(_decorator(one) for one in node.named_children)
            continue
        _declare(file, node, decorators)
        decorators = {}
    file.errors = [
        f"line {node.start_point[0] + 1}: {node.type}"
        for node in _walk(root)
        if node.is_error or node.is_missing
    ]
    _names(file, root)
    return file


def parse_parameters(text: str) -> tuple[str, BicepFile]:
    """Read a .bicepparam file: the template it is for, and its parameters as variables.

    The parser knows no assignments to parameters, which look as those to variables do.
    """
    using = re.search(r"^using '([^']+)'$", text, re.MULTILINE)
    body = re.sub(r"^using .*$", "", text, flags=re.MULTILINE)
    return using[1] if using else "", parse(re.sub(r"^param (\w+ =)", r"var \1", body, flags=re.MULTILINE))


def expression(text: str) -> Node:
    """Read the text of an expression."""
    declaration = _parser().parse(f"var it = {text}".encode()).root_node.children[0]
    return declaration.children[-1]


def text_of(node: Node | None) -> str:
    """The source of a node."""
    return (node.text or b"").decode() if node else ""


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _decorator(node: Node) -> tuple[str, list[Value]]:
    call = node.named_children[0]
    name, arguments = call.children[0], call.children[1]
    return text_of(name), [value_of(one) for one in arguments.named_children]


def _declare(file: BicepFile, node: Node, decorators: Mapping[str, list[Value]]) -> None:
    places = {
        "parameter_declaration": file.params,
        "variable_declaration": file.variables,
        "type_declaration": file.types,
        "output_declaration": file.outputs,
    }
    if node.type in places:
        declared = _declared(node, decorators)
        places[node.type][declared.name] = declared
    elif node.type in {"resource_declaration", "module_declaration"}:
        resource = _resource(node, decorators)
        if node.type == "module_declaration":
            file.modules[resource.symbol] = resource
        else:
            file.resources.append(resource)


def _declared(node: Node, decorators: Mapping[str, list[Value]]) -> Declared:
    name = next(child for child in node.children if child.type == "identifier")
    equals = next((i for i, child in enumerate(node.children) if child.type == "="), None)
    kind = "".join(text_of(c) for c in node.children[:equals] if c.type in {"type", "nullable_type"})
    value = value_of(node.children[equals + 1]) if equals is not None else None
    return Declared(text_of(name), kind, value, equals is not None, decorators)


def _resource(node: Node, decorators: Mapping[str, list[Value]]) -> Resource:
    symbol, target = node.children[1], node.children[2]
    existing = any(child.type == "existing" for child in node.children)
    body, over, item, condition = node.children[-1], None, "", ""
    if body.type == "for_statement":
        over = value_of(_loop_source(body))
        item = next(iter(_variables_of(body)))
        body = body.named_children[-1]
    if body.type == "if_statement":
        condition = text_of(body.named_children[0])
        body = body.named_children[-1]
    content = value_of(body)
    where = str(value_of(target))
    kind, _, version = where.partition("@")
    is_module = node.type == "module_declaration"
    return Resource(
        symbol=text_of(symbol),
        type="" if is_module else kind,
        version="" if is_module else version,
        existing=existing,
        body=content if isinstance(content, dict) else {},
        over=over,
        item=item,
        condition=condition,
        path=where if is_module else "",
        decorators=decorators,
    )


def _loop_source(loop: Node) -> Node:
    index = next(i for i, child in enumerate(loop.children) if child.type == "in")
    return loop.children[index + 1]


def value_of(node: Node) -> Value:
    """A literal as a value; anything else as `Code`."""
    match node.type:
        case "string":
            return _string(node)
        case "number":
            return int(text_of(node))
        case "boolean":
            return text_of(node) == "true"
        case "null":
            return None
        case "array":
            return [value_of(child) for child in node.named_children if child.type != "comment"]
        case "object":
            return {_key(p): value_of(p.children[-1]) for p in node.children if p.type == "object_property"}
        case "for_statement":
            return [value_of(node.named_children[-1])]
        case "call_expression":
            arguments = node.children[-1].named_children
            return Code(text_of(node), tuple(value_of(one) for one in arguments))
        case _:
            return Code(text_of(node), choices=tuple(_choices(node)))


def _choices(node: Node) -> Iterator[Value]:
    """Both values of a ternary; the parser takes `a ? b : c.d` for `(a ? b : c).d`: of that, the first."""
    if node.type == "ternary_expression":
        yield from (value_of(one) for one in node.named_children[1:])
    while node.type == "member_expression":
        node = node.named_children[0]
        if node.type == "ternary_expression":
            yield value_of(node.named_children[1])


def _string(node: Node) -> str:
    if any(child.type == "interpolation" for child in node.children):
        return Code(text_of(node))
    parts = (text_of(c) for c in node.named_children if c.type in {"string_content", "escape_sequence"})
    return "".join(part.removeprefix("\\") for part in parts)


def _key(node: Node) -> str:
    key = node.children[0]
    return str(value_of(key)) if key.type == "string" else text_of(key)


def _names(file: BicepFile, root: Node) -> None:
    """Names that are used and not declared, functions, and which outputs of modules are used."""
    symbols = {*file.params, *file.variables, *file.types, *file.modules, *file.imports}
    symbols |= {resource.symbol for resource in file.resources}
    for node in _walk(root):
        if node.type == "member_expression":
            _module_output(file, node)
        if node.type != "identifier" or _is_declaring(node):
            continue
        name, parent = text_of(node), node.parent
        if parent is not None and parent.type == "call_expression" and parent.children[0] == node:
            file.functions.add(name)
            continue
        file.used.add(name)
        if name not in symbols | set(_loop_names(node)):
            file.undeclared.append(f"line {node.start_point[0] + 1}: {name}")


def _module_output(file: BicepFile, node: Node) -> None:
    inner = node.named_children[0]
    if inner.type != "member_expression" or text_of(inner.named_children[-1]) != "outputs":
        return
    module = text_of(inner.named_children[0])
    if module in file.modules:
        file.module_outputs.add((module, text_of(node.named_children[-1])))


def _is_declaring(node: Node) -> bool:
    """Whether the identifier is a name being given: a declaration's, a property's, a loop variable's."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "import_functionality":
        return True
    if parent.type == "object_property":
        return parent.children[0] == node
    if parent.type == "for_statement":
        return parent.children[2] == node
    return parent.type.endswith("_declaration") and parent.children[1] == node


def _loop_names(node: Node) -> Iterator[str]:
    above: Any = node.parent
    while above is not None:
        if above.type == "for_statement":
            yield from _variables_of(above)
        above = above.parent


def _variables_of(loop: Node) -> Iterator[str]:
    """A loop's variables: the item and, where it is asked for, the index."""
    names = loop.children[2]
    yield from [text_of(names)] if names.type == "identifier" else map(text_of, names.named_children)
