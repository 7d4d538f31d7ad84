"""How a command ends: exit codes for scripts, and one line for each error."""

from enum import IntEnum

from shared.diagnostics.find_account import NoSuchAccountError
from shared.environment import SettingsError
from shared.load.cancel_reconcile import NoRunError
from shared.load.steer import LoadRefusedError, NoSuchLoadError
from shared.mappings.edit import EditStoppedError, NoSuchCurrencyError, NotInSalesError
from shared.mappings.history import NoSuchVersionError
from shared.model.faults import AccountFault, ConfigurationFault, Fault, StateConflict, TransientFault
from shared.model.mapping_edit import MappingConflict
from shared.model.sheet import SheetError


class Exit(IntEnum):
    """Documented in docs/operate.md; never renumbered."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    SETUP = 3
    NOT_FOUND = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    DEFECT = 7
    INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot continue; the message says why and what to do."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (ConfigurationFault, Exit.SETUP),
    (StateConflict, Exit.CONFLICT),
    (MappingConflict, Exit.CONFLICT),
    (NoSuchCurrencyError, Exit.NOT_FOUND),
    (NotInSalesError, Exit.USAGE),
    (NoSuchVersionError, Exit.NOT_FOUND),
    (NoSuchAccountError, Exit.NOT_FOUND),
    (NoSuchLoadError, Exit.NOT_FOUND),
    (LoadRefusedError, Exit.REFUSED),
    (NoRunError, Exit.REFUSED),
    (SheetError, Exit.REFUSED),
    (Fault, Exit.REFUSED),
)


def exit_of(error: BaseException) -> tuple[Exit, str]:
    """Return the exit code and the line for an error. A defect is named by its type, without its text."""
    text = " ".join(str(error).split())
    match error:
        case CommandError():
            return error.code, text
        case EditStoppedError():
            return exit_of(error.fault)[0], text
        case SettingsError():
            return Exit.SETUP, text.replace(": - ", ": ").replace(" - ", "; ")
        case TransientFault():
            return Exit.UNAVAILABLE, f"{text}. Try again later; with --local, see that the stand still runs."
        case AccountFault():
            return Exit.REFUSED, f"{error.problem}. {error.problem.remedy()}"
        case KeyboardInterrupt():
            return Exit.INTERRUPTED, "Stopped."
        case _:
            return _by_type(error, text)


def _by_type(error: BaseException, text: str) -> tuple[Exit, str]:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code, text
    name = type(error).__name__
    return Exit.DEFECT, f"Unexpected error ({name}): `accountsync --stack ...` shows its stack; report it."
