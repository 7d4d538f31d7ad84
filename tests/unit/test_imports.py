"""The import rule of the architecture, by walking the syntax trees; and what a cold start must not load."""

import ast
import asyncio
import importlib.abc
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "function_app.py", *sorted((ROOT / "shared").rglob("*.py"))]
USE_CASES = ("intake", "sync", "resilience", "load", "mappings", "diagnostics")
ADAPTERS = ("dataverse", "targets", "storage", "messaging", "spreadsheets")
_INNER = {"model", "ports", "telemetry"}
# Who may import whom within shared/. A part is the first name below shared, "" is function_app.py.
ALLOWED: Mapping[str, set[str]] = {
    "": {"environment", "functions"},
    "model": {"model"},
    "field_maps": {"model"},
    "setting_types": set(),
    "run_settings": {"setting_types"},
    "telemetry_settings": {"setting_types"},
    "console_settings": {"setting_types"},
    "settings": {"console_settings", "run_settings", "setting_types", "telemetry_settings"},
    "environment": {"console_settings", "field_maps", "model", "setting_types", "settings"},
    "ports": {"ports", "model"},
    "telemetry": {"model", "telemetry", "telemetry_settings"},
    "clock": set(),
    "intake": {"intake", *_INNER},
    "resilience": {"resilience", *_INNER},
    "load": {"load", "sync", "resilience", *_INNER},
    "mappings": {"mappings", *_INNER},
    "sync": {"sync", "resilience", *_INNER},
    "diagnostics": {"diagnostics", "load", "mappings", "sync", "resilience", *_INNER},
    "web": {"web", "settings", "setting_types", *_INNER},
    **{adapter: {adapter, "web", "settings", *_INNER} for adapter in ADAPTERS},
    "functions": {"functions", "wiring", "console", *USE_CASES, "model", "telemetry"},
    "console": {"console", "console_settings", "wiring", *USE_CASES, *_INNER},
    "cli": {"cli", "wiring", "dataverse", *USE_CASES, "environment", *_INNER},
}
CLIENTS = {"AsyncClient", "Client", "ServiceBusClient", "TableServiceClient", "TableClient", "ODataClient"}


class Import(NamedTuple):
    """One imported module; `lazy` if the import stands in a function or is for types only."""

    name: str
    line: int
    lazy: bool


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, *, lazy: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(name.name, node.lineno, lazy) for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                origin = "." * level + (module or "")
                yield from (Import(f"{origin}.{name.name}", node.lineno, lazy) for name in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from imports(node, lazy=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from imports(node, lazy=True)
            case _:
                yield from imports(node, lazy=lazy)


def faults(module: str, source: str) -> list[str]:
    """Every breach of the rule in one module, with its line."""
    tree = ast.parse(source)
    found = [text for imported in imports(tree) for text in _edge(module, imported)]
    return [*found, *_calls(module, tree), *_globals(tree)]


def _edge(module: str, imported: Import) -> Iterator[str]:
    part, name = _part(module), imported.name
    where = f"{module}:{imported.line} imports {name}"
    if name.startswith("."):
        yield f"{where}: imports are absolute"
    if name.split(".")[0] in {"local", "tests", "bench", "dev", "function_app"}:
        yield f"{where}: nothing in shared knows what is not deployed"
    if name.startswith("shared."):
        yield from _inner_edge(module, imported, where)
    if name.startswith("azure.functions"):
        if part not in {"", "functions"}:
            yield f"{where}: only functions know azure.functions"
    elif name.split(".")[0] in {"azure", "httpx", "aiohttp", "msal"} and not (
        part in {*ADAPTERS, "web"} or (part in {"wiring", "telemetry"} and imported.lazy)
    ):
        yield f"{where}: only adapters know SDKs and HTTP"


def _inner_edge(module: str, imported: Import, where: str) -> Iterator[str]:
    part, other = _part(module), _part(imported.name)
    if part == "wiring":
        return
    if other not in ALLOWED.get(part, set()):
        yield f"{where}: {part or 'function_app'} must not know {other}"


def _part(module: str) -> str:
    names = module.split(".")
    return names[1] if names[0] == "shared" and len(names) > 1 else ""


def _calls(module: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "getenv" | "putenv"):
                if module != "shared.environment":
                    yield f"{module}:{node.lineno} reads the environment outside settings"
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr="now" | "utcnow" | "today"):
                if module != "shared.clock":
                    yield f"{module}:{node.lineno} asks the time outside the clock"
            case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns"):
                yield f"{module}:{node.lineno} asks the time outside the clock"
            case _:
                continue


def _globals(tree: ast.Module) -> Iterator[str]:
    """Clients that are made when a module is imported, wherever that stands outside a function."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in CLIENTS or called in {"from_connection_string", "application"}:
                yield f"line {node.lineno} makes {called} when it is imported"
        waiting += ast.iter_child_nodes(node)


def test_every_part_of_the_product_is_under_the_rule() -> None:
    assert len(FILES) > 40
    parts = {_part(module_of(file)) for file in FILES}
    assert parts - {"wiring"} <= set(ALLOWED)
    assert {"model", "ports", "functions", *ADAPTERS, *USE_CASES} <= parts


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_the_import_rule_holds(file: Path) -> None:
    assert faults(module_of(file), file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("shared.model.change", "from shared.ports import Clock"),
        ("shared.model.change", "import shared.settings"),
        ("shared.ports", "from shared.telemetry import LOGGER"),
        ("shared.intake.filter", "from shared.sync.desired_customer import BuildCustomer"),
        ("shared.resilience.heal", "from shared.sync.pipeline import SyncAccount"),
        ("shared.sync.execute", "def f():\n    from shared.intake import filters"),
        ("shared.sync.plan", "from shared.storage.tables import TABLES"),
        ("shared.sync.plan", "from shared import targets"),
        ("shared.resilience.retry_policy", "from shared.settings import Settings"),
        ("shared.sync.pipeline", "from shared.wiring import application"),
        ("shared.sync.pipeline", "from shared.clock import SystemClock"),
        ("shared.diagnostics.health", "from shared.functions import health"),
        ("shared.dataverse.accounts", "from shared.targets.operations.target import OperationsTarget"),
        ("shared.dataverse.accounts", "from shared import storage"),
        ("shared.dataverse.accounts", "from shared.sync.desired_customer import BuildCustomer"),
        ("shared.functions.sync", "from shared.clock import SystemClock"),
        ("shared.functions.sync", "from shared.storage.states import StateTable"),
        ("function_app", "from shared.wiring import application"),
        ("shared.sync.pipeline", "import azure.functions as func"),
        ("shared.clock", "import azure.functions"),
        ("shared.sync.pipeline", "import httpx"),
        ("shared.sync.plan", "def f():\n    from azure.core import exceptions"),
        ("shared.wiring", "import httpx"),
        (
            "shared.telemetry.providers",
            "from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter",
        ),
        ("shared.functions.sync", "from azure.servicebus import ServiceBusMessage"),
        ("shared.wiring", "from local.stand import Stand"),
        ("shared.wiring", "def f():\n    import tests.fakes"),
        ("shared.sync.pipeline", "from .model import change"),
        ("shared.sync.pipeline", "import os\nLEVEL = os.environ['LEVEL']"),
        ("shared.sync.pipeline", "import os\ndef f(): return os.getenv('LEVEL')"),
        ("shared.sync.pipeline", "from datetime import datetime\ndef f(): return datetime.now()"),
        ("shared.sync.pipeline", "import time\ndef f(): return time.time()"),
        ("shared.web.odata", "import httpx\nCLIENT = httpx.AsyncClient()"),
        ("shared.storage.tables", "class A:\n    client = TableServiceClient.from_connection_string('')"),
        ("shared.functions.sync", "from shared import wiring\nAPP = wiring.application()"),
    ],
)
def test_the_rule_finds_a_breach(module: str, source: str) -> None:
    assert faults(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("shared.wiring", "def f():\n    import httpx\n    return httpx.AsyncClient()"),
        ("shared.targets.operations.target", "from shared.targets.operations.errors import read_error"),
        ("shared.clock", "from datetime import datetime\ndef f(): return datetime.now()"),
        ("shared.environment", "import os\ndef f(): return os.environ"),
        ("function_app", "import azure.functions\nfrom shared.functions import sync"),
    ],
)
def test_the_rule_allows_what_is_meant(module: str, source: str) -> None:
    assert faults(module, source) == []


HEAVY = ("httpx", "aiohttp", "msal", "cryptography", "azure.core", "azure.identity", "azure.servicebus")
HEAVY_TOO = (
    *("azure.data.tables", "opentelemetry.sdk", "azure.monitor", "google.protobuf", "tomli", "local"),
    *("starlette", "jinja2", "openpyxl", "shared.wiring", "shared.ports", "shared.intake"),
)


def test_a_cold_start_loads_neither_an_sdk_nor_what_prepare_loads_after_it() -> None:
    code = (
        "import json, os, sys\n"
        "values = json.load(open('local.settings.json.example', encoding='utf-8'))['Values']\n"
        "os.environ.update(values)\n"
        "import function_app\n"
        f"print([name for name in {HEAVY + HEAVY_TOO} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_wrong_settings_stop_the_start_with_one_message_that_names_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import function_app"],
        cwd=ROOT,
        env={"PATH": "", "CREDENTIAL": "magic"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    for name in ("ServiceBus", "TABLES_CONNECTION", "DATAVERSE_URL", "OPERATIONS_URL", "CREDENTIAL"):
        assert f"  - {name}" in done.stderr


class _Seeker(importlib.abc.MetaPathFinder):
    """Notes every module that is looked for on the path."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        self.names.append(fullname)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(2):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    writer.close()


async def test_a_request_looks_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Httpcore imports sniffio in each request; where it is missing, Python searches the whole path."""
    server, seeker = await asyncio.start_server(_answer, "127.0.0.1", 0), _Seeker()
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await client.get("/")
        monkeypatch.setattr(sys, "meta_path", [seeker, *sys.meta_path])
        await client.get("/")
    assert seeker.names == []
