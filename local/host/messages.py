"""A received Service Bus message as the .NET host hands it to the worker: body and exactly its metadata keys.

Keys and typing follow the Service Bus extension 5.x (ServiceBusTriggerBindingStrategy in azure-sdk-for-net):
what it does not send (dead-letter reason, locked-until, time-to-live, state) is not here either.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure_functions_runtime.bindings.datumdef import Datum

from local.host.datums import as_json, naive, text, with_offset

_OPAQUE = (
    "MessageReceiver",
    "MessageSession",
    "MessageActions",
    "SessionActions",
    "ReceiveActions",
    "Client",
)
_NEVER = datetime.max.replace(tzinfo=UTC)


def body_datum(message: ServiceBusReceivedMessage, data_type: str | None) -> Datum:
    """The body: bytes if the binding says `dataType: binary`, else text.

    As text the host drops a byte order mark and replaces what is not UTF-8 (its MessageToStringConverter).
    """
    body = b"".join(message.body)
    if (data_type or "").lower() == "binary":
        return Datum(body, "bytes")
    return text(body.decode("utf-8-sig", errors="replace"))


def trigger_metadata(message: ServiceBusReceivedMessage, function: str) -> dict[str, Datum]:
    """The metadata of one message; strings that are not set are left out, which reads as None."""
    properties = _properties(message)
    enqueued, expires = message.enqueued_time_utc or _NEVER, message.expires_at_utc or _NEVER
    others = {
        "DeliveryCount": (message.delivery_count or 0) + 1,  # on the wire it counts what went wrong before
        "SequenceNumber": message.sequence_number,
        "EnqueuedTimeUtc": naive(enqueued),
        "EnqueuedTime": with_offset(enqueued),
        "ExpiresAtUtc": naive(expires),
        "ExpiresAt": with_offset(expires),
        "ApplicationProperties": properties,
        "UserProperties": properties,
        "sys": {
            "MethodName": function,
            "UtcNow": naive(datetime.now(UTC)) + "Z",
            "RandGuid": str(uuid.uuid4()),
        },
        **{name: {} for name in _OPAQUE},
    }
    return {name: text(value) for name, value in _strings(message).items() if value} | {
        name: as_json(value) for name, value in others.items()
    }


def trace_parent(message: ServiceBusReceivedMessage) -> str | None:
    """The traceparent that the sender put on the message, under the key of the SDKs or the standard one."""
    properties = _properties(message)
    found = properties.get("Diagnostic-Id") or properties.get("traceparent")
    return found if isinstance(found, str) else None


def _strings(message: ServiceBusReceivedMessage) -> dict[str, str | None]:
    return {
        "MessageId": message.message_id,
        "LockToken": str(message.lock_token),
        "DeadLetterSource": message.dead_letter_source,
        "ContentType": message.content_type,
        "ReplyTo": message.reply_to,
        "To": message.to,
        "Subject": message.subject,
        "Label": message.subject,
        "CorrelationId": message.correlation_id,
        "SessionId": message.session_id,
        "ReplyToSessionId": message.reply_to_session_id,
        "PartitionKey": message.partition_key,
    }


def _properties(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    return {_str(name): _str(value) for name, value in (message.application_properties or {}).items()}


def _str(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
