"""Log records as one JSON object a line: time, level, logger, message, invocation_id, function, extra fields.

The invocation id is the one that the worker library keeps for the running function, in its event loop and in
its threads alike, so a record of the app's own code needs no help to say which invocation it belongs to.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure_functions_runtime import invocation_id_cv

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}


class JsonFormatter(logging.Formatter):
    """One record, one line of JSON. `function_of` names the function of an invocation id."""

    def __init__(self, function_of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._function_of = function_of

    def format(self, record: logging.LogRecord) -> str:
        invocation_id = invocation_id_cv.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "invocation_id": invocation_id,
            "function": self._function_of(invocation_id) if invocation_id else None,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def level_of(name: str) -> int:
    """A host.json log level ("Information", "None", ...) as a level of Python's logging; INFO if unknown."""
    return _LEVELS.get(name.lower(), logging.INFO)


def start_logging(level: str, file: Path | None, function_of: Callable[[str], str | None]) -> None:
    """Send records of `level` and above to standard error, and the host's own events to the file as well.

    The file, if there is one, gets everything from INFO on whatever the level, plus each invocation and
    settlement. The azure SDKs report every frame of a connection at INFO; theirs start at WARNING.
    """
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(level_of(level))
    handlers: list[logging.Handler] = [screen]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(JsonFormatter(function_of))
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(min(level_of(level), logging.INFO))
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.getLogger("local.host").setLevel(logging.DEBUG)
