"""`catch_up`: once a minute, on one instance, looks for changes without an event if that is due."""

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("catch_up")
@blueprint.timer_trigger(arg_name="timer", schedule="30 * * * * *", run_on_startup=False)
async def catch_up(timer: func.TimerRequest) -> None:
    """Do one run. After a fault, the next run goes on from the last page."""
    from shared.model.faults import Fault
    from shared.telemetry import LOGGER, SPAN
    from shared.wiring import application
    from shared.wiring.catch_up import catch_up_of

    with SPAN("catch_up"):
        try:
            await catch_up_of(application()).run_if_due()
        except Fault as fault:
            LOGGER.warning("catch-up stopped: %s", fault)
