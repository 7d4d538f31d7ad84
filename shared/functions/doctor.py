"""`doctor`: once a minute, asks whether a check of the set-up is due, and makes it."""

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("doctor")
@blueprint.timer_trigger(arg_name="timer", schedule="15 * * * * *", run_on_startup=False)
async def doctor(timer: func.TimerRequest) -> None:
    """Do one run. It is due after a new version, once a day, and when a person asks."""
    from shared.model.faults import Fault
    from shared.telemetry import LOGGER, SPAN
    from shared.wiring import application
    from shared.wiring.doctor import diagnose

    with SPAN("doctor"):
        try:
            await diagnose(application()).run()
        except Fault as fault:
            LOGGER.warning("the doctor's result was not kept: %s", fault)
