"""What went wrong at the other end: refusals with the condition that goes on the wire, malformed bytes.

The conditions are those that the Azure SDKs map to their exceptions
(learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-troubleshoot).
"""


class BrokerFault(Exception):  # noqa: N818 - sent to the client, no error of ours
    """A refusal of the broker.

    `condition` is the AMQP error condition, `description` its text, `status` that of a $management answer.
    """

    def __init__(self, condition: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description
        self.status = status


class MalformedBytes(Exception):  # noqa: N818 - names what was received
    """Bytes that are not valid AMQP; the connection that sent them is closed with `condition`."""

    def __init__(self, description: str, condition: str = "amqp:decode-error") -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def message_lock_lost() -> BrokerFault:
    return BrokerFault(
        "com.microsoft:message-lock-lost",
        "The lock supplied is invalid. Either the lock expired, or the message has already been removed"
        " from the queue.",
        410,
    )


def session_lock_lost(session_id: str | None) -> BrokerFault:
    return BrokerFault(
        "com.microsoft:session-lock-lost",
        f"The session lock has expired on the session '{session_id}'. Accept the session again.",
        410,
    )


def session_cannot_be_locked(session_id: str) -> BrokerFault:
    return BrokerFault(
        "com.microsoft:session-cannot-be-locked",
        f"The requested session '{session_id}' cannot be accepted. It may be locked by another receiver.",
        410,
    )


def message_not_found(sequence_number: int, state: str) -> BrokerFault:
    return BrokerFault(
        "com.microsoft:message-not-found",
        f"The queue holds no {state} message with sequence number {sequence_number}.",
        404,
    )


def entity_not_found(address: str) -> BrokerFault:
    return BrokerFault(
        "amqp:not-found",
        f"The messaging entity '{address}' could not be found. Add it to the config file.",
        404,
    )


def message_too_large(limit: int) -> BrokerFault:
    return BrokerFault(
        "amqp:link:message-size-exceeded", f"The message is larger than the limit of {limit} bytes.", 400
    )


def not_allowed(description: str) -> BrokerFault:
    return BrokerFault("amqp:not-allowed", description, 400)


def not_implemented(description: str) -> BrokerFault:
    return BrokerFault("amqp:not-implemented", description, 501)


def invalid_argument(description: str) -> BrokerFault:
    return BrokerFault("com.microsoft:argument-error", description, 400)


def wait_timed_out() -> BrokerFault:
    return BrokerFault(
        "com.microsoft:timeout", "No session with messages became available within the time allowed.", 408
    )
