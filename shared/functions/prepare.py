"""Builds the application at the end of the start, so that the first event does not wait for it.

What the first event would open is then opened where events run. The export of spans and metrics starts last,
in the same thread, once the first check has ended: its SDK would take the processor from that check. An
instance without a check does not wait for long.
"""

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_AFTER_SECONDS = 0.5  # the host indexes the functions first
_LONGEST_WITHOUT_CHECK = 5.0  # seconds

_ENDS: list[Callable[[], None]] = []


def begin() -> None:
    """Load the SDKs and build the adapters in the background. A failure shows again at the first event."""
    at_sigterm(_ENDS)
    events = None
    with contextlib.suppress(RuntimeError):  # a tool imports the functions without a loop
        events = asyncio.get_running_loop()
    timer = threading.Timer(_AFTER_SECONDS, _prepare, [events])
    timer.daemon = True
    timer.start()


def at_sigterm(ends: Sequence[Callable[[], None]]) -> None:
    """Call these at SIGTERM, before the signal does what it did until now. More may be added later.

    Does nothing outside the main thread, where Python sets no signals, and where SIGTERM is ignored.
    """
    before = signal.getsignal(signal.SIGTERM)

    def ended(number: int, frame: "FrameType | None") -> None:
        if callable(before):  # this process ends in its own time, and `atexit` sends the rest
            before(number, frame)
            return
        for end in ends:
            end()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    if threading.current_thread() is threading.main_thread() and before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, ended)


def _prepare(events: asyncio.AbstractEventLoop | None) -> None:
    try:
        built = _build(events)
    finally:
        gc.freeze()  # nor is what was loaded searched later
        gc.enable()
    if built:
        from shared.telemetry.activity import COUNTED

        COUNTED.checked.wait(_LONGEST_WITHOUT_CHECK)
        _export()


def _build(events: asyncio.AbstractEventLoop | None) -> bool:
    from shared.telemetry import LOGGER
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
    from shared.telemetry import LOGGER
    from shared.telemetry.export import begin, end
    from shared.wiring import application

    _ENDS.append(end)  # a signal must find it loaded: an import may be what the signal interrupts
    try:
        begin(application().settings, application().settings.build_id)
    except Exception as error:  # noqa: BLE001 - events go on without telemetry
        LOGGER.warning("telemetry is not exported: %s; events go on as usual", type(error).__name__)
