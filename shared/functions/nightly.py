"""`nightly`: once a minute, on one instance, does the jobs of the day or the hour whose time has come."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.wiring import Application

blueprint = func.Blueprint()


async def _reconcile(app: "Application") -> None:
    if (at := app.settings.reconcile_at) is not None:
        from shared.wiring.reconcile import reconcile_of

        await reconcile_of(app).start_if_due(at)


async def _forget(app: "Application") -> None:
    if app.ports.clock.now().minute == 0:  # once an hour; if one is missed, the next makes up for it
        from shared.wiring.reconcile import reconcile_of

        await reconcile_of(app).forget()


# Each job decides whether it is due, and costs next to nothing if it is not.
JOBS: Mapping[str, "Callable[[Application], Awaitable[None]]"] = {
    "reconcile": _reconcile,
    "old findings": _forget,
}


@blueprint.function_name("nightly")
@blueprint.timer_trigger(arg_name="timer", schedule="45 * * * * *", run_on_startup=False)
async def nightly(timer: func.TimerRequest) -> None:
    """Do what is due. After a fault, the next minute does it again."""
    from shared.model.faults import Fault
    from shared.telemetry import LOGGER, SPAN
    from shared.wiring import application

    with SPAN("nightly"):
        app = application()
        for name, job in JOBS.items():
            try:
                await job(app)
            except Fault as fault:
                LOGGER.warning("nightly %s was not done: %s", name, fault)
