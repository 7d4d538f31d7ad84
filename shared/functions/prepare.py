"""Builds the application at the end of the start, so that the first event does not wait for it.

The export of spans and metrics starts in the same thread, once the first check has ended: until then its SDK
would take the processor from that check. An instance without a check does not wait for long.
"""

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
    timer = threading.Timer(_AFTER_SECONDS, _prepare)
    timer.daemon = True
    timer.start()


def _prepare() -> None:
    from shared.wiring import application

    try:
        application().prepare()
    except Exception as error:  # noqa: BLE001 - the first event raises the same, and handles it
        LOGGER.warning("the application was not prepared: %s", type(error).__name__)
        return
    COUNTED.checked.wait(_LONGEST_WITHOUT_CHECK)
    try:
        begin_export(application().settings, application().settings.build_id)
    except Exception as error:  # noqa: BLE001 - events go on without telemetry
        LOGGER.warning("telemetry is not exported: %s; events go on as usual", type(error).__name__)
