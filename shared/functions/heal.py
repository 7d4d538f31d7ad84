"""`heal`: once a minute, on one instance, checks accounts whose cause a person has corrected."""

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("heal")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False)
async def heal(timer: func.TimerRequest) -> None:
    """Do one run. After a fault, the next run does the rest."""
    from shared.model.faults import Fault
    from shared.telemetry import LOGGER, SPAN
    from shared.wiring import application
    from shared.wiring.watching import watch_queues_of

    with SPAN("heal"):
        LOGGER.info("heal runs", extra={"event": "heal-runs"})  # an alert counts this line
        app = application()
        await app.report_waiting.run()
        await watch_queues_of(app).run()
        try:
            await app.target_in_use.confirm()
            await app.breakers.admit()  # makes a probe that is due, even if no message waits for it
            await app.heal.run()
        except Fault as fault:
            LOGGER.warning("healing stopped: %s", fault)
