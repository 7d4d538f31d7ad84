"""The package, the deployment script and the smoke test, as far as they run without Azure."""

import base64
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any, ClassVar

import pytest

from shared.console.guard import HEADERS
from shared.console.people import Role
from shared.diagnostics.doctor import sign_in
from shared.environment import SettingsError, load_settings
from shared.setting_types import TargetName
from tests.infra.deployment import operator_settings_with, parameters_in
from tests.infra.templates import BUSINESS_CENTRAL, INFRA, NAV, PROD, ROOT, Infra

# An `az` that writes down how it is called; it fails as often as AZ_FAILURES says.
AZ = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
log = Path(os.environ["AZ_LOG"])
calls = log.read_text().splitlines() if log.exists() else []
log.write_text("\\n".join([*calls, json.dumps(sys.argv[1:])]))
if len(calls) < int(os.environ.get("AZ_FAILURES", "0")):
    sys.exit(1)
if sys.argv[1:4] == ["deployment", "group", "create"]:
    print(os.environ["AZ_OUTPUTS"])
if sys.argv[1:4] == ["keyvault", "secret", "show"]:
    known = "the value of " + sys.argv[5]
    print(known if "tsv" in sys.argv else json.dumps({"value": known}))
if sys.argv[1:3] == ["bicep", "format"]:
    source, target = (Path(sys.argv[sys.argv.index(name) + 1]) for name in ("--file", "--outfile"))
    target.write_text(source.read_text().replace(*json.loads(os.environ.get("AZ_FORMAT", '["", ""]'))))
"""

OUTPUTS = {"functioN_URL": {"type": "String", "value": "https://app.example.net"}}  # azd's way to write it


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, INFRA / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Azure:
    """deploy.sh with an `az` that only writes down its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        az = folder / "az"
        az.write_text(AZ)
        az.chmod(0o755)

    def deploy(self, *arguments: str, failures: int = 0, **outputs: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {
            "PATH": path,
            "AZ_LOG": str(self.folder / "log"),
            "AZ_FAILURES": str(failures),
            "AZ_OUTPUTS": json.dumps(OUTPUTS | {name: {"value": value} for name, value in outputs.items()}),
            "RELEASE_PAUSE_SECONDS": "0",
        }
        command = [str(INFRA / "deploy.sh"), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def test_provisioning_uses_the_parameters_of_the_environment_and_tells_the_outputs(azure: Azure) -> None:
    result = azure.deploy("provision", "test", "rg-test")
    assert (result.returncode, result.stdout) == (0, "FUNCTION_URL=https://app.example.net\n")
    (call,) = azure.calls()
    assert call[:3] == ["deployment", "group", "create"]
    assert "parameters/test.bicepparam" in call
    assert call[call.index("--resource-group") + 1] == "rg-test"


def test_what_if_changes_nothing(azure: Azure) -> None:
    assert azure.deploy("what-if", "prod", "rg").returncode == 0
    assert [call[:3] for call in azure.calls()] == [["deployment", "group", "what-if"]]


def test_checking_compiles_lints_and_formats_every_file(azure: Azure) -> None:
    assert azure.deploy("check").returncode == 0
    calls = azure.calls()
    assert [call[:2] for call in calls[:2]] == [["bicep", "build"], ["bicep", "lint"]]
    of_file = {(call[1], call[call.index("--file") + 1]) for call in calls}
    files = [*INFRA.rglob("*.bicep"), *INFRA.rglob("*.bicepparam")]
    assert {name for verb, name in of_file if verb == "format"} == {
        file.relative_to(INFRA).as_posix() for file in files
    }
    assert {name for verb, name in of_file if verb == "build-params"} == {
        file.relative_to(INFRA).as_posix() for file in (INFRA / "parameters").rglob("*.bicepparam")
    }


def test_a_file_that_the_formatter_would_change_is_shown_and_fails_the_check(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AZ_FORMAT", json.dumps(["param zoneRedundant = true", "param zoneRedundant =   true"])
    )
    result = azure.deploy("check")
    assert result.returncode != 0
    assert "+param zoneRedundant =   true" in result.stdout


def test_the_health_key_is_asked_for_again_while_roles_come_into_force(azure: Azure) -> None:
    result = azure.deploy("health-key", "kv-1", failures=2)
    assert (result.returncode, result.stdout) == (0, "the value of kv-1\n")
    assert len(azure.calls()) == 3


def test_a_release_is_tried_again_while_roles_come_into_force(azure: Azure) -> None:
    (azure.folder / "app.zip").touch()
    assert azure.deploy("release", "rg", "app", "app.zip", failures=2).returncode == 0
    calls = azure.calls()
    assert len(calls) == 3
    assert calls[2][calls[2].index("--src") + 1] == str(azure.folder / "app.zip")


def test_a_release_that_keeps_failing_fails(azure: Azure) -> None:
    (azure.folder / "app.zip").touch()
    assert azure.deploy("release", "rg", "app", "app.zip", failures=9).returncode == 1


@pytest.mark.parametrize(
    "arguments", [[], ["provision"], ["destroy", "prod", "rg"], ["what-if", "moon", "rg"]]
)
def test_wrong_arguments_are_refused_before_anything_is_done(azure: Azure, arguments: list[str]) -> None:
    result = azure.deploy(*arguments)
    assert result.returncode == 2
    assert result.stderr
    assert not (azure.folder / "log").exists()


def test_a_shell_reads_the_outputs_as_they_are(azure: Azure) -> None:
    odd = json.dumps({"FIELD_MAP": 'it\'s $HOME `id` "quoted" * ; #'})
    result = azure.deploy("provision", "test", "rg-test", OPERATOR_SETTINGS=odd)
    (azure.folder / "test.env").write_text(result.stdout)
    script = 'set -a; . ./test.env; printf "%s|%s" "$FUNCTION_URL" "$OPERATOR_SETTINGS"'
    read = subprocess.run(
        ["sh", "-euc", script], cwd=azure.folder, capture_output=True, text=True, check=True
    )
    assert read.stdout == f"https://app.example.net|{odd}"


KEYS = {"FINGERPRINT_KEY", "HEALTH_KEY"}


@pytest.mark.parametrize(
    ("path", "secrets"), [(PROD, KEYS), (BUSINESS_CENTRAL, KEYS), (NAV, {*KEYS, "NAV_ACCESS_KEY"})]
)
def test_operators_get_the_settings_with_the_keys_and_their_own_sign_in(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, secrets: set[str]
) -> None:
    infra = Infra.read()
    deployed = operator_settings_with(infra, parameters_in(infra, path))
    provisioned = azure.deploy("provision", "prod", "rg", OPERATOR_SETTINGS=json.dumps(deployed))
    outputs = azure.folder / "prod.env"
    outputs.write_text(provisioned.stdout)
    monkeypatch.setenv("AZ_LOG", str(azure.folder / "log"))
    monkeypatch.setenv("PATH", f"{azure.folder}{os.pathsep}{Path(sys.executable).parent}")
    file = tmp_path / "prod.json"
    file.write_text("as before")
    file.chmod(0o644)
    command = [sys.executable, str(INFRA / "operator_settings.py"), str(outputs), str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the value of" not in result.stdout + result.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir() if "prod.json" in entry.name] == ["prod.json"]
    printed = json.loads(file.read_text())["Values"]
    assert {name for name, value in printed.items() if value.startswith("the value of")} == secrets
    for name in secrets:
        uri = f"https://vaulturi.example.net/secrets/{name.lower().replace('_', '-')}"
        assert printed[name] == f"the value of {uri}"
    settings = load_settings(printed)[0]
    assert (settings.credential, settings.business_central_client_id) == ("default", None)
    commands = {tuple(call[:3]) for call in azure.calls()[1:]}
    assert commands == {("keyvault", "secret", "show")}, "a right in the vault, and none on the app"
    assert len(azure.calls()[1:]) == len(secrets), "no other secret is read"


def test_the_package_holds_what_runs_and_nothing_else() -> None:
    package = load("package")
    names = set(package.deployed(package.tracked(), package.ignored()))
    assert {"function_app.py", "host.json", "requirements.txt", "shared/sync/pipeline.py"} <= names
    assert {name for name in names if name.endswith(".toml")} >= {
        f"shared/targets/{target.replace('-', '_')}/{name}.toml"
        for target in TargetName
        for name in (target, "defaults")
    }
    for unwanted in ("tests/", "local/", "infra/", "docs/", ".github/", "bench/", "local.settings", "dev.py"):
        assert not [name for name in names if name.startswith(unwanted)]


def test_the_package_holds_the_files_of_the_operators_page() -> None:
    package = load("package")
    names = set(package.deployed(package.tracked(), package.ignored()))
    for folder in ("static", "templates"):
        here = {file.relative_to(ROOT).as_posix() for file in (ROOT / "shared/console" / folder).iterdir()}
        assert here
        assert here <= names


def test_the_roles_of_the_registration_are_those_of_the_page() -> None:
    roles = json.loads((INFRA / "console-roles.json").read_text(encoding="utf-8"))
    assert [role["value"] for role in roles] == [str(role) for role in Role]
    assert len({role["id"] for role in roles}) == len(roles)


def test_the_same_content_makes_the_same_package(tmp_path: Path) -> None:
    package = load("package")
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    package.write(first, {"a": b"1", "b": b"2"})
    package.write(second, {"b": b"2", "a": b"1"})
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["a", "b"]
        assert archive.infolist()[0].external_attr >> 16 == 0o644


def test_the_build_id_of_the_package_is_what_health_answers(tmp_path: Path) -> None:
    package = load("package")
    settings = ROOT / "shared/settings.py"
    assert package.BUILD_FILE == "shared/build_id.txt"
    assert '"build_id.txt"' in settings.read_text(encoding="utf-8")


def test_an_unresolved_reference_to_the_vault_stops_the_start() -> None:
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    reference = "@Microsoft.KeyVault(SecretUri=https://vault.example.net/secrets/fingerprint-key)"
    for name in ("FINGERPRINT_KEY", "HEALTH_KEY", "NAV_ACCESS_KEY", "BUSINESS_CENTRAL_CLIENT_SECRET"):
        with pytest.raises(SettingsError, match=f"{name}: is a Key Vault reference"):
            load_settings(values | {name: reference})


class Health(BaseHTTPRequestHandler):
    """Answers what the test wants, in turn; the last answer stays."""

    answers: list[dict[str, Any]]
    asked: ClassVar[list[tuple[str, str | None]]] = []
    open: ClassVar[set[str]] = set()
    of_the_page: ClassVar[dict[str, int]] = {}  # paths where the page itself answers, with its status

    @staticmethod
    def see(principal: str | None) -> None:
        """What a test wants to know of each request."""

    def do_GET(self) -> None:
        answers = type(self).answers
        content = json.dumps(answers.pop(0) if len(answers) > 1 else answers[0]).encode()
        type(self).asked.append((self.path, self.headers.get("x-functions-key")))
        type(self).see(self.headers.get("x-ms-client-principal"))
        there = self.path.partition("?")[0] == "/api/health" or self.path in type(self).open
        page = type(self).of_the_page.get(self.path)
        self.send_response(page or (200 if there else 404))
        if page:
            self.send_header("Content-Security-Policy", HEADERS["Content-Security-Policy"])
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Health) as listening:
        Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def smoke(url: str, build: str, monkeypatch: pytest.MonkeyPatch, seconds: str = "5") -> int:
    module = load("smoke")
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setenv("SMOKE_SECONDS", seconds)
    return module.main([url, build])


OLD, NEW = {"at": "12:00", "build": "old"}, {"at": "12:01", "build": "new"}


CHECKED = {"at": "12:02", "build": "new", "errors": []}
WRONG = {"at": "12:03", "build": "new", "errors": ["queue x: There is none. Deploy it."]}


def report(probe: dict[str, str] | None, doctor: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"status": "ok", "build": "new", "systems": {}, "probe": probe, "doctor": doctor}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([report(None), report(NEW, CHECKED)], 0),
        ([report(OLD), report(OLD), report(NEW), report(NEW, CHECKED)], 0),
        ([{"error": "starting"}, report(OLD), report(NEW, CHECKED)], 0),
        ([report(OLD, CHECKED), report(NEW, CHECKED), report(NEW, CHECKED | {"at": "12:04"})], 0),
        ([report(OLD), report(NEW, WRONG), report(NEW, CHECKED)], 0),  # what was wrong was corrected
        ([report(None)], 1),
        ([report(None), report(OLD)], 1),
        ([report(NEW)], 1),  # an answer to an earlier deployment of the same build
        ([report(OLD), report(NEW)], 1),  # the doctor does not run
        ([report(OLD), report(NEW, CHECKED | {"build": "old"})], 1),
        ([report(OLD, CHECKED), report(NEW, CHECKED)], 1),
        ([report(OLD), report(NEW, WRONG)], 1),
        ([{"status": "ok", "build": "new"}], 1),  # the key does not open
    ],
)
def test_with_the_key_smoke_waits_until_the_new_build_has_answered_and_checked_its_set_up(
    server: str, monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], code: int
) -> None:
    Health.answers, Health.asked = [*answers], []
    monkeypatch.setenv("HEALTH_KEY", "k")
    assert smoke(server, "new", monkeypatch, seconds="5" if code == 0 else "0.2") == code
    assert Health.asked[0] == ("/api/health?probe=1&doctor=1", "k")


def test_smoke_prints_each_error_that_the_doctor_found(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Health.answers = [report(OLD), report(NEW, WRONG)]
    monkeypatch.setenv("HEALTH_KEY", "k")
    assert smoke(server, "new", monkeypatch, seconds="0.2") == 1
    assert capsys.readouterr().err.splitlines()[1:] == ["  - queue x: There is none. Deploy it."]


def test_without_the_key_smoke_asks_for_no_probe(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Health.answers, Health.asked = [{"status": "ok", "build": "new"}], []
    assert smoke(server, "new", monkeypatch) == 0
    assert [asked for asked in Health.asked if "onsole" not in asked[0].lower()] == [("/api/health", None)]


@pytest.mark.parametrize("path", load("smoke").FORGED_PATHS)
def test_smoke_fails_where_a_forged_sign_in_reaches_the_page(
    path: str, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Health.answers, Health.asked = [{"status": "ok", "build": "new"}], []
    monkeypatch.setattr(Health, "open", {path})
    assert smoke(server, "new", monkeypatch, seconds="0.05") == 1
    assert f"a forged sign-in to {path} was answered with 200" in capsys.readouterr().err


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("path", load("smoke").FORGED_PATHS)
def test_smoke_fails_where_only_the_page_itself_refuses_a_request_without_sign_in(
    path: str, status: int, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Health.answers, Health.asked = [{"status": "ok", "build": "new"}], []
    monkeypatch.setattr(Health, "of_the_page", {path: status})
    assert smoke(server, "new", monkeypatch, seconds="0.05") == 1
    assert f"to {path} reached the page, which answered {status} itself" in capsys.readouterr().err


def test_the_doctor_asks_as_the_smoke_test_does() -> None:
    smoke_test = load("smoke")
    for name in ("FORGED_PATHS", "REFUSALS", "OF_THE_PAGE"):
        assert getattr(smoke_test, name) == getattr(sign_in, name), name


def test_smoke_pretends_to_be_an_operator(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Health.answers, Health.asked = [{"status": "ok", "build": "new"}], []
    seen: list[str | None] = []
    monkeypatch.setattr(Health, "see", staticmethod(seen.append))
    assert smoke(server, "new", monkeypatch) == 0
    forged = [json.loads(base64.b64decode(text)) for text in seen if text]
    assert len(forged) == len(load("smoke").FORGED_PATHS)
    assert all(claim == {"typ": "roles", "val": "operator"} for one in forged for claim in one["claims"])


def test_smoke_waits_for_the_new_build(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Health.answers = [{"status": "ok", "build": "old"}, {"status": "ok", "build": "new"}]
    assert smoke(server, "new", monkeypatch) == 0


@pytest.mark.parametrize(
    "answer", [{"status": "ok", "build": "old"}, {"status": "degraded", "build": "new"}, {"unexpected": 1}]
)
def test_smoke_fails_where_the_app_is_not_well(
    server: str, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    Health.answers = [answer]
    assert smoke(server, "new", monkeypatch, seconds="0.05") == 1


def test_smoke_fails_where_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert smoke("http://127.0.0.1:9", "new", monkeypatch, seconds="0.05") == 1


def test_smoke_refuses_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert smoke("http://app.example.net", "new", monkeypatch) == 2


class Redirect(BaseHTTPRequestHandler):
    """Sends every caller on to another server."""

    target: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", type(self).target + self.path)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("key", ["k", None])
def test_smoke_follows_no_redirect_and_takes_its_key_nowhere_else(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str | None
) -> None:
    Health.answers, Health.asked = [report(OLD), report(NEW)], []
    Redirect.target = server
    if key:
        monkeypatch.setenv("HEALTH_KEY", key)
    with HTTPServer(("127.0.0.1", 0), Redirect) as redirecting:
        Thread(target=redirecting.serve_forever, args=(0.01,), daemon=True).start()
        code = smoke(f"http://127.0.0.1:{redirecting.server_port}", "new", monkeypatch, seconds="0.05")
        redirecting.shutdown()
    assert (code, Health.asked) == (1, [])
    assert "302" in capsys.readouterr().err
