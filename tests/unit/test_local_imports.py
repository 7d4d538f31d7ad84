"""The import rules of the local stand: no circles, and nothing of the product imports it."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def sources(*folders: str) -> dict[str, str]:
    """The text of each module by its name."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    names = {file: file.relative_to(ROOT).with_suffix("").parts for file in files}
    return {
        ".".join(parts).removesuffix(".__init__"): file.read_text(encoding="utf-8")
        for file, parts in names.items()
        if "node_modules" not in parts
    }


def imported(source: str) -> Iterator[str]:
    """All names that a module imports, also inside functions and for types only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def circle(modules: dict[str, str]) -> list[str]:
    """One circle of imports among these modules, empty if there is none."""
    names = {module: set(imported(source)) for module, source in modules.items()}
    graph = {
        module: {name if name in modules else name.rpartition(".")[0] for name in found} & modules.keys()
        for module, found in names.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_there_is_no_circle_of_imports_in_the_stand() -> None:
    modules = sources("local")
    assert len(modules) > 100
    assert circle(modules) == []


def test_nothing_of_the_product_imports_the_stand() -> None:
    modules = sources("shared") | {"function_app": (ROOT / "function_app.py").read_text(encoding="utf-8")}
    known = {
        module
        for module, source in modules.items()
        for name in imported(source)
        if name.split(".")[0] == "local"
    }
    assert known == set()


@pytest.mark.parametrize(
    "back",
    [
        "from local.a import f",
        "import local.a",
        "from local import a",
        "def g():\n    from local.a import f",
        "if TYPE_CHECKING:\n    from local.a import f",
    ],
)
def test_every_way_to_close_a_circle_is_found(back: str) -> None:
    assert set(circle({"local.a": "import local.b", "local.b": back})) == {"local.a", "local.b"}
