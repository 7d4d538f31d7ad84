"""Builds the application at the end of the start, so that the first event does not wait for it."""

import threading

from shared.telemetry import LOGGER

_AFTER_SECONDS = 0.5  # the host indexes the functions first


def begin() -> None:
    """Load the SDKs and build the adapters in the background. A failure shows again at the first event."""
    timer = threading.Timer(_AFTER_SECONDS, _prepare)
    timer.daemon = True
    timer.start()


def _prepare() -> None:
    from shared.wiring import application

    try:
        application().prepare()
    except Exception as error:  # noqa: BLE001 - the first event raises the same, and handles it
        LOGGER.warning("the application was not prepared: %s", type(error).__name__)
