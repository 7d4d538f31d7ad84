"""The $management operations of a queue: a request in, a change of the queue or a look at it, an answer out.

What cannot be done is answered with the status and condition of the `BrokerFault`; an operation that does
not exist for queues (rules of topics, transactions) with 501. Source of the rules:
learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response.
"""

from collections.abc import Callable
from typing import NamedTuple

from local.servicebus import decoder, encoder
from local.servicebus.amqp_session import AmqpSession
from local.servicebus.config import MAX_MESSAGE_SIZE
from local.servicebus.errors import (
    BrokerFault,
    MalformedBytes,
    invalid_argument,
    message_too_large,
    not_implemented,
    session_lock_lost,
)
from local.servicebus.links import Delivery
from local.servicebus.management_call import Call
from local.servicebus.message import parse_message
from local.servicebus.queue import Queue
from local.servicebus.requests import Request, encode_answer, encode_refusal, read_request
from local.servicebus.settlement import Settlement
from local.servicebus.stored import StoredMessage, encode_delivery

_PREFIX = "com.microsoft:"
_RECEIVE_AND_DELETE = 0
_STATUS_TEXTS = {200: "OK", 204: "No Content"}
_LARGEST_PAGE = 4 * MAX_MESSAGE_SIZE  # bytes of messages in one answer; the rest is for the next request


class Answer(NamedTuple):
    body: bytes = encoder.NULL
    status: int = 200


def responder(session: AmqpSession, address: str, queue: Queue) -> Callable[[Delivery], None]:
    """Takes requests and answers them on the reply link of the same address."""

    def take(delivery: Delivery) -> None:
        request = read_request(delivery.payload)
        session.reply(address, _answer(session, queue, request))

    return take


def _answer(session: AmqpSession, queue: Queue, request: Request) -> bytes:
    operation = _OPERATIONS.get(request.operation.removeprefix(_PREFIX))
    try:
        if operation is None:
            raise not_implemented(f"The operation '{request.operation}' is not supported here.")
        answer = operation(Call(queue, request.fields(), session))
    except BrokerFault as fault:
        return encode_refusal(request, fault)
    except MalformedBytes as malformed:
        return encode_refusal(request, invalid_argument(malformed.description))
    return encode_answer(request, answer.status, _STATUS_TEXTS[answer.status], answer.body)


def _body(**fields: bytes) -> bytes:
    return encoder.map_of((encoder.string(name.replace("_", "-")), value) for name, value in fields.items())


# --- locks ----------------------------------------------------------------------------------------------


def _renew_lock(call: Call) -> Answer:
    ends = [call.queue.renew(token) for token in call.tokens()]
    return Answer(_body(expirations=encoder.array_of_timestamps(int(end * 1000) for end in ends)))


def _renew_session_lock(call: Call) -> Answer:
    session_id = call.required("session-id", str)
    end = call.queue.renew_session(session_id, call.owner(session_id))
    return Answer(_body(expiration=encoder.timestamp(int(end * 1000))))


def _update_disposition(call: Call) -> Answer:
    how = _settlement(call.required("disposition-status", str))
    properties: dict[str, bytes] = {}
    if "properties-to-modify" in call.fields:
        properties, _ = decoder.map_entries(call.fields["properties-to-modify"])
    if how is Settlement.DEAD_LETTER:
        names = {
            "deadletter-reason": "DeadLetterReason",
            "deadletter-description": "DeadLetterErrorDescription",
        }
        properties |= {
            names[name]: call.fields[name]
            for name in names
            if call.fields.get(name, encoder.NULL) not in (encoder.NULL, encoder.string(""))
        }
    if call.queue.sessions is not None:
        session_id = call.session_id()
        call.queue.held_session(session_id, call.owner(session_id))
    for token in call.tokens():
        call.queue.settle(token, how, properties)
    return Answer()


def _settlement(status: str) -> Settlement:
    names = {"completed", "abandoned", "defered", "suspended"}
    if status not in names:
        raise invalid_argument(f"The disposition status must be one of {', '.join(sorted(names))}.")
    return Settlement(status)


# --- messages -------------------------------------------------------------------------------------------


def _peek_message(call: Call) -> Answer:
    session_id = call.session_id()
    found = call.queue.peek(
        call.required("from-sequence-number", int), call.required("message-count", int), session_id
    )
    entries: list[bytes] = []
    size = 0
    for stored in found:
        message = encode_delivery(stored, locked=False)
        size += len(message)
        if entries and size > _LARGEST_PAGE:
            break
        entries.append(_body(message=encoder.binary(message)))
    return Answer(_body(messages=encoder.list_of(entries))) if entries else Answer(status=204)


def _schedule_message(call: Call) -> Answer:
    payloads: list[bytes] = []
    for entry in call.required("messages", list):
        payload = entry.get("message") if isinstance(entry, dict) else None
        if not isinstance(payload, bytes):
            raise invalid_argument("Every entry must hold an encoded message.")
        if len(payload) > MAX_MESSAGE_SIZE:
            raise message_too_large(MAX_MESSAGE_SIZE)
        payloads.append(payload)
    messages = [parse_message(payload) for payload in payloads]
    for message in messages:
        call.queue.check(message)
    numbers = [call.queue.send(message) or 0 for message in messages]
    return Answer(_body(sequence_numbers=encoder.array_of_longs(numbers)))


def _cancel_scheduled_message(call: Call) -> Answer:
    call.queue.cancel_scheduled(call.numbers())
    return Answer()


def _receive_by_sequence_number(call: Call) -> Answer:
    session_id = call.session_id()
    session = call.queue.held_session(session_id, call.owner(session_id))
    delete = call.value("receiver-settle-mode") == _RECEIVE_AND_DELETE
    found = call.queue.receive_deferred(call.numbers(), session, delete=delete)
    return Answer(_body(messages=encoder.list_of(_deferred_entry(stored) for stored in found)))


def _deferred_entry(stored: StoredMessage) -> bytes:
    message = encoder.binary(encode_delivery(stored))
    if stored.lock_token is None:
        return _body(message=message)
    return _body(message=message, lock_token=encoder.guid(stored.lock_token))


# --- sessions -------------------------------------------------------------------------------------------


def _set_session_state(call: Call) -> Answer:
    session = call.queue.held_session(*_session_and_owner(call))
    if session is None:
        raise session_lock_lost(None)
    state = call.fields.get("session-state", encoder.NULL)
    if len(state) > MAX_MESSAGE_SIZE:
        raise message_too_large(MAX_MESSAGE_SIZE)
    session.state, session.updated_at = state, call.queue.now()
    return Answer()


def _get_session_state(call: Call) -> Answer:
    session = call.queue.held_session(*_session_and_owner(call))
    if session is None:
        raise session_lock_lost(None)
    return Answer(_body(session_state=session.state))


def _session_and_owner(call: Call) -> tuple[str, object]:
    session_id = call.required("session-id", str)
    return session_id, call.owner(session_id)


def _get_message_sessions(call: Call) -> Answer:
    if call.queue.sessions is None:
        raise invalid_argument(f"Queue '{call.queue.name}' does not require sessions.")
    skip, top = call.required("skip", int), call.required("top", int)
    updated = call.value("last-updated-time")
    since = updated / 1000 if isinstance(updated, int) and updated < _ALL_SESSIONS else None
    page = call.queue.sessions.listed(since)[skip : skip + top]
    if not page:
        return Answer(status=204)
    return Answer(_body(skip=encoder.int32(skip + len(page)), sessions_ids=encoder.array_of_strings(page)))


_ALL_SESSIONS = 253_402_214_400_000  # .NET's greatest date, in ms: "the sessions that have messages"

_OPERATIONS: dict[str, Callable[[Call], Answer]] = {
    "renew-lock": _renew_lock,
    "renew-session-lock": _renew_session_lock,
    "update-disposition": _update_disposition,
    "peek-message": _peek_message,
    "schedule-message": _schedule_message,
    "cancel-scheduled-message": _cancel_scheduled_message,
    "receive-by-sequence-number": _receive_by_sequence_number,
    "set-session-state": _set_session_state,
    "get-session-state": _get_session_state,
    "get-message-sessions": _get_message_sessions,
}
