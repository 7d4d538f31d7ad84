"""One run of a command: the settings it works with, the use cases over them, and its end."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any

import typer

from shared.cli.exits import CommandError, Exit, exit_of
from shared.cli.options import Json
from shared.cli.output import Output, document, shown, stack_of
from shared.environment import SettingsError, load_settings
from shared.wiring.operator import Operator

STANDS = Path(__file__).resolve().parents[2] / ".stand"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options before the command: where the settings come from (`None`: the environment)."""

    settings: Path | None = None
    local: bool = False
    stack: bool = False


def command(
    work: Callable[..., Coroutine[Any, Any, None]],
    *,
    until_stopped: bool = False,
    settings_wrong: Callable[[SettingsError, Output], None] | None = None,
) -> Callable[..., None]:
    """Make a command of a coroutine that takes the use cases, the output and the command's own options.

    It adds the option --json and ends with an exit code; an error ends in one line.
    `until_stopped`: being stopped is how the command is meant to end. `settings_wrong` is called instead of
    the coroutine if the settings cannot be used.
    """

    @wraps(work)
    def run(context: typer.Context, as_json: bool, **options: Any) -> None:
        if context.invoked_subcommand is not None:  # of a group that does something without one
            return None
        chosen, output = context.find_root().obj, Output(as_json=as_json)
        try:
            asyncio.run(_with_operator(chosen, partial(work, output=output, **options)))
        except (typer.Exit, typer.Abort):
            raise
        except BaseException as error:  # noqa: BLE001 - the end of the command: every error has its code
            if chosen.stack:
                sys.stderr.write(stack_of(error))
            if until_stopped and isinstance(error, KeyboardInterrupt):
                return None
            if settings_wrong is not None and isinstance(error, SettingsError):
                return settings_wrong(error, output)
            code, line = exit_of(error)
            fail(code, line, as_json=as_json)

    _, _, *own = signature(work).parameters.values()
    given = [Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context), *own]
    given.append(Parameter("as_json", Parameter.KEYWORD_ONLY, annotation=Json, default=False))
    named = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in given]
    run.__signature__ = Signature(named)  # pyright: ignore[reportAttributeAccessIssue] - Typer reads it
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in named}
    return run


def fail(code: Exit, line: str, *, as_json: bool) -> None:
    """Say in one line what went wrong, and end."""
    sys.stderr.write(document({"error": line, "exit": int(code)}) if as_json else f"Error: {shown(line)}\n")
    raise typer.Exit(int(code))


async def _with_operator(chosen: Chosen, work: Callable[[Operator], Awaitable[None]]) -> None:
    settings, field_map = load_settings(environment(chosen), takes_events=False)
    for warning in field_map.warnings:
        sys.stderr.write(f"Warning: {shown(warning)}\n")
    operator = Operator(settings, field_map)
    try:
        await work(operator)
    finally:
        await operator.clients.close()


def environment(chosen: Chosen) -> Mapping[str, str] | None:
    """Return the settings by their names, or None for those of the process. Raises CommandError."""
    file = _stand_settings() if chosen.local else chosen.settings
    if file is None:
        return None
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in content["Values"].items()}
    except OSError as error:
        raise CommandError(Exit.SETUP, f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        message = f'{file} is no local.settings.json: it must be JSON with an object "Values".'
        raise CommandError(Exit.SETUP, message) from error


def _stand_settings() -> Path:
    """Return the settings file of the running stand; if several run, of the one that was started last."""
    try:
        newest = max(STANDS.glob("*/stand.json"), key=lambda file: file.stat().st_mtime)
        return Path(json.loads(newest.read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, LookupError) as error:
        message = "No local stand runs here: start one with `python3 dev.py start`."
        raise CommandError(Exit.SETUP, message) from error


def ask(question: str) -> None:
    """Ask a person. Raises CommandError unless the answer is yes, also where nobody can be asked."""
    if not sys.stdin.isatty():
        raise CommandError(Exit.USAGE, "Nobody can be asked here: give --yes to go on without asking.")
    if not typer.confirm(question, err=True):
        raise CommandError(Exit.REFUSED, "Nothing was changed.")
