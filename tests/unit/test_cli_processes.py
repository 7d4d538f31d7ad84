"""Every command ends by itself, also where a file is wrong and no system answers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
import typer
from typer.core import TyperGroup

from shared.cli.app import app
from tests.unit.command_processes import LONGEST

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "127.0.0.1:1"  # nothing listens there
REFUSED, USAGE, SETUP, UNAVAILABLE = 1, 2, 3, 6

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are run as forks")

NO_SYSTEM_ANSWERS: dict[str, int] = {
    "currency list": UNAVAILABLE,
    "currency get Euro": UNAVAILABLE,
    "currency set Euro EUR": UNAVAILABLE,
    "currency delete Euro --yes": UNAVAILABLE,
    "currency export FOLDER/out.csv": UNAVAILABLE,
    "currency import FOLDER/good.csv --yes": UNAVAILABLE,
    "currency import FOLDER/good.csv --dry-run --plan FOLDER/plan.xlsx": UNAVAILABLE,
    "currency import --from-dataverse --yes": UNAVAILABLE,
    "currency history": UNAVAILABLE,
    "currency undo --yes": UNAVAILABLE,
    "currency check": UNAVAILABLE,
    "mapping list payment-terms": UNAVAILABLE,
    "mapping get payment-terms Euro": UNAVAILABLE,
    "mapping set payment-terms Euro EUR": UNAVAILABLE,
    "mapping delete payment-terms Euro --yes": UNAVAILABLE,
    "mapping export payment-terms FOLDER/out.csv": UNAVAILABLE,
    "mapping import payment-terms FOLDER/terms.csv --yes": UNAVAILABLE,
    "mapping history payment-terms": UNAVAILABLE,
    "mapping undo payment-terms --yes": UNAVAILABLE,
    "mapping check payment-terms": UNAVAILABLE,
    "explain A-1": UNAVAILABLE,
    "preview A-1": UNAVAILABLE,
    "trace A-1": UNAVAILABLE,
    "issues": UNAVAILABLE,
    "issues A-1": UNAVAILABLE,
    "issues --export FOLDER/issues.xlsx": UNAVAILABLE,
    "load start --max-creates 1": UNAVAILABLE,
    "load start --dry-run": UNAVAILABLE,
    "load start --where (": UNAVAILABLE,
    "load status": UNAVAILABLE,
    "load status --watch": UNAVAILABLE,
    "load pause": UNAVAILABLE,
    "load resume": UNAVAILABLE,
    "load cancel": UNAVAILABLE,
    "load report --export FOLDER/load.xlsx": UNAVAILABLE,
    "replay A-1": UNAVAILABLE,
    "replay --cause UnmappedCurrency": UNAVAILABLE,
    "replay --all": USAGE,
    "unlink A-1 --why removed": UNAVAILABLE,
    "reconcile": UNAVAILABLE,
    "reconcile --no-wait": UNAVAILABLE,
    "reconcile cancel": UNAVAILABLE,
    "reconcile --last --repair --yes": UNAVAILABLE,
    "adopt-target --yes": UNAVAILABLE,
    "catch-up": UNAVAILABLE,
    "catch-up --no-wait": UNAVAILABLE,
    "catch-up --dry-run": UNAVAILABLE,
    "replay --all --yes": UNAVAILABLE,
    "rejected list": UNAVAILABLE,
    "rejected show 1": UNAVAILABLE,
    "rejected resubmit --all": UNAVAILABLE,
    "dead-letters list": UNAVAILABLE,
    "dead-letters show 1": UNAVAILABLE,
    "dead-letters resubmit --all": UNAVAILABLE,
    "pause": UNAVAILABLE,
    "resume": UNAVAILABLE,
    "status": 0,
    "status --check": REFUSED,
    "watch --count 2 --every 0.5": 0,
    "doctor": REFUSED,
    "doctor --now": REFUSED,
    "register": UNAVAILABLE,
    "registration": UNAVAILABLE,
    "unregister --yes": UNAVAILABLE,
}
FILES_ARE_WRONG: dict[str, int] = {
    "currency import FOLDER/wrong-header.csv --yes": REFUSED,
    "currency import FOLDER/wrong-header.csv --yes --json": REFUSED,
    "currency import FOLDER/empty.csv --yes": REFUSED,
    "currency import FOLDER/latin.csv --yes": REFUSED,
    "currency import FOLDER/text.xlsx --yes": REFUSED,
    "currency import FOLDER/none.xlsx --yes": REFUSED,
    "currency import": USAGE,
    "mapping import payment-terms FOLDER/good.csv --yes": REFUSED,
    "mapping import payment-terms --from-dataverse --yes": USAGE,
    "mapping get Payment_Terms Euro": USAGE,
    "no-such-command": USAGE,
}
FINDINGS = {"status --check", "doctor", "doctor --now"}
"""They end with 1 because of what they tell on standard output."""
HEADERS = "Currency CRM,Currency AX\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "good.csv": f"{HEADERS}Euro,EUR\n".encode(),
        "terms.csv": b"Source,Target\nNet 30,N030\n",
        "wrong-header.csv": b"Name,Code\n" + b"Euro,EUR\n" * 50,
        "empty.csv": b"",
        "latin.csv": f"{HEADERS}Złoty,PLN\nWährung,EUR\n".encode("iso8859-2"),
        "text.xlsx": b"no workbook",
    }.items():
        (tmp_path / name).write_bytes(content)
    settings = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    addresses = {
        "ServiceBus": f"Endpoint=sb://{NOWHERE};SharedAccessKeyName=x;SharedAccessKey=eA==;"
        "UseDevelopmentEmulator=true;",
        "SERVICEBUS_CONTROL": f"http://{NOWHERE}",
        "TABLES_CONNECTION": "DefaultEndpointsProtocol=http;AccountName=x;AccountKey=eA==;"
        f"TableEndpoint=http://{NOWHERE}/x;",
        "DATAVERSE_URL": f"http://{NOWHERE}",
        "OPERATIONS_URL": f"http://{NOWHERE}",
    }
    (tmp_path / "settings.json").write_text(json.dumps({"Values": settings | addresses}), encoding="utf-8")
    return tmp_path


def run(lines: list[list[str]], folder: Path) -> list[tuple[int | None, str, str]]:
    # No process comes as far as a certificate, and reading all of them takes longer than most commands.
    one, end, _ = certifi.contents().partition("-----END CERTIFICATE-----\n")
    trusted = folder / "trusted.pem"
    trusted.write_text(one + end, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.command_processes"],
        input=json.dumps(lines),
        cwd=ROOT,
        env=os.environ | {"SSL_CERT_FILE": str(trusted)},
        text=True,
        capture_output=True,
        timeout=3 * LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def commands(group: TyperGroup, *words: str) -> Iterator[str]:
    for name, found in group.commands.items():
        if isinstance(found, TyperGroup):
            yield from commands(found, *words, name)
        else:
            yield " ".join((*words, name))


def test_every_command_ends_by_itself_with_its_exit_code(folder: Path) -> None:
    cases = NO_SYSTEM_ANSWERS | FILES_ARE_WRONG
    settings = ["--settings", str(folder / "settings.json")]
    results = run([[*settings, *line.replace("FOLDER", str(folder)).split()] for line in cases], folder)
    assert {line: code for line, (code, _, _) in zip(cases, results, strict=True)} == cases, results
    for line, (code, _, error) in zip(cases, results, strict=True):
        if code not in {0, USAGE} and line not in FINDINGS:
            assert len(error.splitlines()) == 1, (line, error)


def test_no_command_is_left_out() -> None:
    whole = typer.main.get_command(app)
    assert isinstance(whole, TyperGroup)
    assert {
        name
        for name in commands(whole)
        if not any(f"{line} ".startswith(f"{name} ") for line in NO_SYSTEM_ANSWERS)
    } == set()
