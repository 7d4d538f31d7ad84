"""The pages and who may see each: the whole list, and the application that serves it."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from shared.console import (
    accounts,
    comparison,
    first_load,
    issues,
    mapping,
    mapping_plan,
    noting,
    overview,
    replaying,
    runs,
    set_up,
    systems,
)
from shared.console.desk import Desk, RefusedError
from shared.console.guard import NO_ROLE, Guard
from shared.console.people import Person, Role
from shared.console.rendering import BASE, FOLDER, render
from shared.console.words import on_the_page
from shared.diagnostics.find_account import NoSuchAccountError
from shared.load.cancel_reconcile import NoRunError
from shared.load.reconcile import GoesOnAlreadyError
from shared.load.steer import LoadRefusedError, NoSuchLoadError
from shared.mappings.edit import EditStoppedError, NoSuchCurrencyError
from shared.mappings.history import NoSuchVersionError
from shared.model.faults import Fault
from shared.model.sheet import SheetError
from shared.telemetry import LOGGER
from shared.wiring.operator import Operator, operator

type Handler = Callable[[Desk], Awaitable[Response]]


class Page(NamedTuple):
    """One address: who may use it at least, and what answers."""

    method: str
    path: str
    least: Role
    handler: Handler


PAGES = (
    Page("GET", "/", Role.READER, overview.show),
    Page("GET", "/issues", Role.READER, issues.show),
    Page("POST", "/issues", Role.OPERATOR, issues.search),
    Page("POST", "/issues/note", Role.OPERATOR, noting.show),
    Page("POST", "/issues/note/save", Role.OPERATOR, noting.save),
    Page("GET", "/issues.xlsx", Role.OPERATOR, issues.as_workbook),
    Page("GET", "/accounts", Role.READER, accounts.ask),
    Page("POST", "/accounts", Role.OPERATOR, accounts.search),
    Page("GET", "/account", Role.READER, accounts.show),
    Page("POST", "/account/unlink", Role.ADMINISTRATOR, accounts.unlink),
    Page("POST", "/replay", Role.OPERATOR, replaying.show),
    Page("POST", "/replay/send", Role.OPERATOR, replaying.send),
    Page("GET", "/mapping", Role.OPERATOR, mapping.show),
    Page("GET", "/mapping.xlsx", Role.OPERATOR, mapping.as_workbook),
    Page("GET", "/mapping.csv", Role.OPERATOR, mapping.as_csv),
    Page("POST", "/mapping/plan", Role.OPERATOR, mapping_plan.show),
    Page("POST", "/mapping/apply", Role.OPERATOR, mapping_plan.apply),
    Page("GET", "/runs", Role.READER, runs.show),
    Page("POST", "/runs/load/plan", Role.ADMINISTRATOR, first_load.plan),
    Page("POST", "/runs/load/start", Role.ADMINISTRATOR, first_load.start),
    Page("POST", "/runs/load/pause", Role.ADMINISTRATOR, first_load.pause),
    Page("POST", "/runs/load/resume", Role.ADMINISTRATOR, first_load.resume),
    Page("POST", "/runs/load/cancel", Role.ADMINISTRATOR, first_load.cancel),
    Page("GET", "/runs/load", Role.READER, first_load.report),
    Page("GET", "/runs/load.xlsx", Role.OPERATOR, first_load.as_workbook),
    Page("POST", "/runs/compare", Role.ADMINISTRATOR, comparison.start),
    Page("POST", "/runs/compare/cancel", Role.ADMINISTRATOR, comparison.cancel),
    Page("GET", "/runs/comparison", Role.READER, comparison.show),
    Page("GET", "/runs/comparison.xlsx", Role.OPERATOR, comparison.as_workbook),
    Page("POST", "/runs/repair", Role.ADMINISTRATOR, comparison.repair),
    Page("GET", "/set-up", Role.READER, set_up.show),
    Page("POST", "/set-up/check", Role.OPERATOR, set_up.check),
    Page("GET", "/systems", Role.READER, systems.show),
    Page("POST", "/systems/pause", Role.ADMINISTRATOR, systems.pause),
    Page("POST", "/systems/resume", Role.ADMINISTRATOR, systems.resume),
    Page("POST", "/systems/resubmit", Role.ADMINISTRATOR, systems.resubmit),
    Page("GET", "/done", Role.READER, systems.done),
)
_READABLE = {
    400: "The form could not be read; nothing was done.",
    404: "There is no such page.",
    405: "This address takes no such request.",
}
_TOLD = (
    EditStoppedError,
    GoesOnAlreadyError,
    LoadRefusedError,
    NoRunError,
    NoSuchAccountError,
    NoSuchCurrencyError,
    NoSuchLoadError,
    NoSuchVersionError,
    SheetError,
)
_DEFECT = "This is a defect of Account Sync; the log of the app has the details. Nothing more was done."


@cache
def console_app() -> ASGIApp:
    """The one application of this process."""
    return make_app(operator())


def make_app(use_cases: Operator) -> ASGIApp:
    """Make the application over these use cases."""

    def problem(request: Request, status: int, message: str) -> Response:
        values = {"status": status, "message": message}
        return HTMLResponse(render(request, "problem.html", use_cases, **values), status)

    async def not_served(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return problem(request, status, _READABLE.get(status, _DEFECT))

    routes: list[BaseRoute] = [_route(page, use_cases, problem) for page in PAGES]
    routes.append(Mount("/static", StaticFiles(directory=FOLDER / "static")))
    served = Starlette(routes=[Mount(BASE, routes=routes)], exception_handlers={HTTPException: not_served})
    return Guard(served, problem)


def _route(page: Page, use_cases: Operator, problem: Callable[[Request, int, str], Response]) -> Route:
    async def answer(request: Request) -> Response:
        person: Person = request.state.person
        if not person.may(page.least):
            needed = f"This needs the role {page.least}; yours is {person.role}."
            return problem(request, 403, needed if person.role else NO_ROLE)
        try:
            return await page.handler(Desk(request, use_cases, person))
        except RefusedError as refusal:
            return problem(request, refusal.status, str(refusal))
        except _TOLD as error:
            return problem(request, 409, on_the_page(str(error)))
        except Fault as fault:
            said = on_the_page(str(fault)).rstrip(".")
            return problem(request, 503, f"{said}. Try again, or look at the overview.")
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - the host would answer it with an empty page
            LOGGER.error("console: %s", type(error).__name__, exc_info=error)
            return problem(request, 500, _DEFECT)

    return Route(page.path, answer, methods=[page.method])
