"""A plan that is too long for a terminal goes into a file, whole, before anything is asked."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from shared.cli import session
from shared.cli.app import app
from shared.spreadsheets.files import SpreadsheetFiles
from tests.unit.test_mapping_edit import Desk

SETTINGS = Path(__file__).parents[2] / "local.settings.json.example"


@pytest.mark.parametrize("asked", [["--dry-run"], []], ids=["dry run", "nobody to ask"])
def test_a_long_plan_is_written_whole_with_its_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    async def close() -> None:
        pass

    desk = Desk()
    desk.table.put("euro", "Euro", "USD")
    operator = SimpleNamespace(
        edit_mapping=desk.mapping, sheets=SpreadsheetFiles(), clients=SimpleNamespace(close=close)
    )
    monkeypatch.setattr(session, "Operator", lambda *_: operator)
    lines = ["Currency CRM,Currency AX", "Euro,eur", *(f"'=Currency {n},USD" for n in range(40))]
    (tmp_path / "in.csv").write_text("\n".join(lines), encoding="utf-8")
    file = tmp_path / "plan.xlsx"
    words = ["currency", "import", str(tmp_path / "in.csv"), "--plan", str(file), *asked]
    result = CliRunner().invoke(app, ["--settings", str(SETTINGS), *words])
    assert result.exit_code == (0 if asked else 2), result.output
    rows = list(load_workbook(file).worksheets[0].iter_rows(values_only=True))
    added = [row[:5] for row in rows if row[0] == "added"]
    assert len(added) == 40
    assert added[0] == ("added", "3", "'=Currency 0", None, "USD")
    assert [row[:5] for row in rows if row[0] == "changed"] == [("changed", "2", "Euro", "USD", "EUR")]
    assert any(row[0] == "warning" and "is written" in str(row[7]) for row in rows)
    assert desk.codes() == {"Euro": "USD"}
