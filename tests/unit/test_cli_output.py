"""What is printed: JSON that scripts can rely on, and nothing from outside that could fake a terminal."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import pytest
import typer

from shared.cli import app as cli
from shared.cli.exits import Exit
from shared.cli.output import Output, duration, plain, shown
from shared.cli.session import fail
from shared.model.sheet import SheetError


class Pair(NamedTuple):
    left: object
    right: object


@dataclass
class Record:
    name: str
    items: tuple[Pair, ...]


def test_values_of_every_kind_have_their_json() -> None:
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    record = Record("x", (Pair(moment, Decimal("1.50")), Pair(UUID(int=1), None)))
    assert plain({"record": record, "span": timedelta(minutes=1), "ten": Decimal("10.00")}) == {
        "record": {
            "name": "x",
            "items": [
                {"left": "2026-11-22T12:00:00+00:00", "right": 1.5},
                {"left": "00000000-0000-0000-0000-000000000001", "right": None},
            ],
        },
        "span": 60.0,
        "ten": 10,
    }


@pytest.mark.parametrize("text", ["\x1b[2Jx", "a\u202eb", "a\nb", "a\u2028b", "half \ud83d"])
def test_no_control_or_direction_character_reaches_the_terminal(text: str) -> None:
    assert shown(text).isprintable()


def test_no_control_character_of_a_paragraph_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).text("Contoso \x1b[2J\u202e Ltd.")
    assert capsys.readouterr().out.strip("\n").isprintable()


HOSTILE = "Contoso \x1b]0;x\x07\x1b[2J\u202eoslo\x9b31m\u2066"


@pytest.mark.parametrize("as_json", [True, False])
def test_no_line_of_an_answer_a_note_or_an_error_drives_the_terminal(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Output(as_json=as_json)
    output.text(HOSTILE)
    output.note(HOSTILE)
    output.table(["Name"], [[HOSTILE]], title=HOSTILE)
    with pytest.raises(typer.Exit):
        fail(Exit.REFUSED, HOSTILE, as_json=as_json)
    captured = capsys.readouterr()
    for line in (captured.out + captured.err).splitlines():
        assert line.isprintable(), repr(line)
    if as_json:
        assert json.loads(captured.err)["error"] == HOSTILE


def test_an_error_outside_a_command_does_not_drive_the_terminal_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(prog_name: str) -> None:
        raise SheetError(HOSTILE)

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr(logging, "disable", lambda level: None)
    assert cli.main() == 1
    assert capsys.readouterr().err.strip().isprintable()


def test_markup_in_a_name_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    output.table(["Name"], [["[red]Złoty[/red] :smile:"]])
    assert "[red]Złoty[/red] :smile:" in capsys.readouterr().out


def test_json_keeps_any_unicode_and_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "Złoty \u202e \x9b2J \x1b \U000e0001 \ud83d"}
    Output(as_json=True).json(value)
    out = capsys.readouterr().out
    assert "Złoty" in out
    assert out.replace("\n", "").isprintable()
    assert json.loads(out) == value


def test_notes_stay_out_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).note("12 rows.")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "unknown"), (5, "5 s"), (90, "1.5 min"), (7200, "2.0 h"), (172800, "2.0 d")]
)
def test_time_spans_are_words(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_paragraph_is_broken_between_words_and_never_within_ids_addresses_and_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = "`accountsync currency set 'Bhutanese Ngultrum' CODE`"
    address = f"https://contoso.crm.dynamics.com/main.aspx?id={UUID(int=1)}&etn=account&pagetype=entityrecord"
    Output(as_json=False, width=60).text(
        f"Add a row for this currency: {command} does it. {address} {UUID(int=1)}"
    )
    lines = capsys.readouterr().out.splitlines()
    assert any(command in line for line in lines)
    assert address in lines
    assert all(len(line) <= 60 for line in lines if line != address)


def test_a_table_that_is_too_wide_is_shown_one_below_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(str(UUID(int=n)), "a reason of many words " * 4, "") for n in range(2)]
    Output(as_json=False, width=80).table(["Account", "Reason", "Field"], rows)
    out = capsys.readouterr().out
    assert all(row[0] in out for row in rows)
    assert out.count("Reason: a reason of many words") == 2
    assert "Field" not in out
    Output(as_json=False, width=200).table(["Account", "Reason", "Field"], rows)
    assert "Account" in capsys.readouterr().out.splitlines()[0]
