"""Exit codes and the one line of an error."""

import pytest

from shared.cli.exits import CommandError, Exit, exit_of
from shared.diagnostics.find_account import NoSuchAccountError
from shared.environment import SettingsError, load_settings
from shared.mappings.edit import EditStoppedError, NoSuchCurrencyError
from shared.mappings.history import NoSuchVersionError
from shared.model.faults import AccountFault, ConfigurationFault, QueueUnavailable, System, TransientFault
from shared.model.mapping_edit import MappingConflict
from shared.model.outcome import Cause, Problem
from shared.model.sheet import SheetError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError(Exit.USAGE, "Give a file."), 2),
        (ConfigurationFault(System.OPERATIONS, "answered 401.", "Check."), 3),
        (SettingsError(["A: is missing", "B: is missing"]), 3),
        (NoSuchCurrencyError("none"), 4),
        (NoSuchVersionError("none"), 4),
        (NoSuchAccountError("none"), 4),
        (MappingConflict("Euro"), 5),
        (EditStoppedError(1, 2, MappingConflict("Euro")), 5),
        (EditStoppedError(1, 2, TransientFault(System.TABLES, "answered 500")), 6),
        (TransientFault(System.DATAVERSE, "no connection"), 6),
        (QueueUnavailable("away"), 6),
        (SheetError("not a file"), 1),
        (AccountFault(Problem(Cause.AMBIGUOUS_MATCH)), 1),
        (ZeroDivisionError("secret"), 7),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_its_exit_code_and_one_line(error: BaseException, code: int) -> None:
    found, line = exit_of(error)
    assert found == code
    assert line
    assert "\n" not in line


def test_a_defect_gives_nothing_away_but_its_type() -> None:
    assert "secret" not in exit_of(ZeroDivisionError("secret"))[1]


def test_wrong_settings_are_named_on_one_line() -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings({"DATAVERSE_URL": "ftp://x", "FINGERPRINT_KEY": "the-secret"})
    line = exit_of(wrong.value)[1]
    assert line.startswith("The app settings are not right: ServiceBus or")
    assert "; OPERATIONS_URL: is missing" in line
    assert "the-secret" not in line
