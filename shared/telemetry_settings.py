"""The settings of the spans and metrics that leave the process."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from shared.setting_types import Part, Text


class Exporter(StrEnum):
    """Where spans and metrics go. Log lines always leave through the host."""

    AZURE_MONITOR = "azure-monitor"
    OTLP = "otlp"
    FILE = "file"
    NONE = "none"


def _needed_by(exporter: Exporter) -> AfterValidator:
    def check(value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("telemetry") is exporter:
            message = f"is missing; TELEMETRY={exporter} needs it"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _collector(url: str) -> str:
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url, re.IGNORECASE):
        message = "must be an address such as https://collector.contoso.com:4318, without query or user"
        raise ValueError(message)
    return url.rstrip("/")


class TelemetrySettings(Part):
    """A part of `Settings`."""

    telemetry: Exporter = Field(
        Exporter.NONE,
        description="Where spans and metrics go: azure-monitor, otlp (a collector), file (the local stand), "
        "none. Log lines always leave through the host.",
    )
    telemetry_file: Annotated[Text | None, _needed_by(Exporter.FILE)] = Field(
        None, description="Folder for TELEMETRY=file: JSON lines, one file a process.", validate_default=True
    )
    otel_exporter_otlp_endpoint: Annotated[
        Annotated[str, AfterValidator(_collector)] | None, _needed_by(Exporter.OTLP)
    ] = Field(
        None,
        description="Address of the OpenTelemetry collector for TELEMETRY=otlp, over HTTP.",
        validate_default=True,
    )
