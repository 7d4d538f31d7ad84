"""Starts and ends the export of spans and metrics. Loads the SDK only where TELEMETRY names an exporter."""

import atexit
import logging
from typing import TYPE_CHECKING

from shared.telemetry_settings import Exporter, TelemetrySettings

if TYPE_CHECKING:
    from shared.telemetry.providers import Providers

_FLUSH_SECONDS = 5.0  # longest that the end of the process waits
_NEVER = logging.CRITICAL + 1

_running: "list[Providers]" = []


def begin(settings: TelemetrySettings, version: str) -> None:
    """Start the export of this process; it ends with the process."""
    if settings.telemetry is Exporter.NONE:
        return
    from shared.telemetry.providers import Providers

    for name in ("opentelemetry", "azure.monitor.opentelemetry"):  # they repeat each failure; we log it once
        logging.getLogger(name).setLevel(_NEVER)
    providers = Providers(settings, version)
    providers.begin()
    _running.append(providers)
    atexit.register(end)


def end() -> None:
    """Send what waits, within a few seconds. A second call does nothing."""
    while _running:
        _running.pop().end(_FLUSH_SECONDS)
