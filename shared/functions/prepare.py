"""Builds the application at the end of the start, so that the first event does not wait for it.

What the first event would open is then opened where events run. The export of spans and metrics starts last,
in the same thread, once the first check has ended: its SDK would take the processor from that check. An
instance without a check does not wait for long.
"""

import asyncio
import contextlib
import gc
import threading

from shared.telemetry import LOGGER
from shared.telemetry.activity import COUNTED
from shared.telemetry.export import begin as begin_export
from shared.telemetry.export import end_on_sigterm

_AFTER_SECONDS = 0.5  # the host indexes the functions first
_LONGEST_WITHOUT_CHECK = 5.0  # seconds


def begin() -> None:
    """Load the SDKs and build the adapters in the background. A failure shows again at the first event."""
    end_on_sigterm()
    events = None
    with contextlib.suppress(RuntimeError):  # a tool imports the functions without a loop
        events = asyncio.get_running_loop()
    timer = threading.Timer(_AFTER_SECONDS, _prepare, [events])
    timer.daemon = True
    timer.start()


def _prepare(events: asyncio.AbstractEventLoop | None) -> None:
    try:
        built = _build(events)
    finally:
        gc.freeze()  # nor is what was loaded searched later
        gc.enable()
    if built:
        COUNTED.checked.wait(_LONGEST_WITHOUT_CHECK)
        _export()


def _build(events: asyncio.AbstractEventLoop | None) -> bool:
    from shared.wiring import application

    try:
        application().prepare()
    except Exception as error:  # noqa: BLE001 - the first event raises the same, and handles it
        LOGGER.warning("the application was not prepared: %s", type(error).__name__)
        return False
    if events is not None:
        asyncio.run_coroutine_threadsafe(application().warm_up(), events)
    return True


def _export() -> None:
    from shared.wiring import application

    try:
        begin_export(application().settings, application().settings.build_id)
    except Exception as error:  # noqa: BLE001 - events go on without telemetry
        LOGGER.warning("telemetry is not exported: %s; events go on as usual", type(error).__name__)
