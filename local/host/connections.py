"""From the `connection` of a Service Bus trigger to a client, by the host's rules for settings.

`NAME` (or `AzureWebJobsNAME`) is a connection string; `NAME__fullyQualifiedNamespace` means a managed
identity. Source: learn.microsoft.com/azure/azure-functions/functions-reference (identity-based connections).
"""

from collections.abc import Mapping
from typing import Any

from azure.servicebus.aio import ServiceBusClient

from local.host.config import ConfigError

DEFAULT_CONNECTION = "ServiceBus"


def open_client(name: str, settings: Mapping[str, str], **options: Any) -> ServiceBusClient:
    """A client for the connection of this name; raise `ConfigError` if no setting defines it."""
    for prefix in ("", "AzureWebJobs"):
        if text := settings.get(prefix + name):
            try:
                return ServiceBusClient.from_connection_string(text, **options)
            except ValueError as error:
                raise ConfigError(
                    f"the setting {prefix + name} is no Service Bus connection string: {error}"
                ) from None
    if namespace := settings.get(f"{name}__fullyQualifiedNamespace"):
        from azure.identity.aio import DefaultAzureCredential

        return ServiceBusClient(namespace, DefaultAzureCredential(), **options)
    raise ConfigError(
        f"the Service Bus connection {name!r} is not set: give {name} (a connection string) "
        f"or {name}__fullyQualifiedNamespace"
    )
