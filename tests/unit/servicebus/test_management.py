"""Requests on $management and $cbs, written by hand: each is answered, whatever is in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.servicebus import decoder, encoder
from local.servicebus.performatives import Transfer
from tests.unit.servicebus.making import NOW, message, payload
from tests.unit.servicebus.peer import Peer, make_hub
from tests.unit.servicebus.test_message import sections_of

OPERATIONS = (
    "renew-lock",
    "renew-session-lock",
    "update-disposition",
    "peek-message",
    "schedule-message",
    "cancel-scheduled-message",
    "receive-by-sequence-number",
    "set-session-state",
    "get-session-state",
    "get-message-sessions",
    "add-rule",
)
FIELDS = (
    "lock-tokens",
    "session-id",
    "disposition-status",
    "properties-to-modify",
    "deadletter-reason",
    "from-sequence-number",
    "message-count",
    "messages",
    "sequence-numbers",
    "receiver-settle-mode",
    "session-state",
    "last-updated-time",
    "skip",
    "top",
)


def requesting_peer(address: str = "q/$management") -> Peer:
    peer = Peer.opened(make_hub())
    peer.attach_receiver(address, handle=1)
    peer.attach_sender(address, handle=0)
    peer.give_credit(100)
    peer.received()
    return peer


def request(operation: str, body: bytes) -> bytes:
    properties = encoder.list_of([encoder.string("request-1")])
    named = encoder.map_of([(encoder.string("operation"), encoder.string(operation))])
    sections = ((0x73, properties), (0x74, named), (0x77, body))
    return b"".join(encoder.described(code, value) for code, value in sections)


def ask(peer: Peer, operation: str, **fields: bytes) -> tuple[int, str | None, dict[str, bytes]]:
    """Status, error condition and body (encoded values) of the answer."""
    body = encoder.map_of((encoder.string(name.replace("_", "-")), value) for name, value in fields.items())
    peer.transfer(request(f"com.microsoft:{operation}", body))
    answer = b"".join(rest for performative, rest in peer.received() if isinstance(performative, Transfer))
    sections = sections_of(answer)
    properties, _ = decoder.decode(sections[0x74])
    assert decoder.decode(sections[0x73])[0][5] == "request-1"
    return properties["statusCode"], properties.get("errorCondition"), decoder.map_entries(sections[0x77])[0]


async def test_a_token_is_accepted() -> None:
    peer = requesting_peer("$cbs")
    peer.transfer(request("put-token", encoder.string("any")))
    (answer,) = [rest for performative, rest in peer.received() if isinstance(performative, Transfer)]
    assert decoder.decode(sections_of(answer)[0x74])[0]["status-code"] == 202


async def test_an_operation_of_topics_is_not_implemented() -> None:
    assert ask(requesting_peer(), "add-rule")[:2] == (501, "amqp:not-implemented")


async def test_answers_wait_for_credit() -> None:
    peer = Peer.opened(make_hub())
    peer.attach_receiver("q/$management", handle=1)
    peer.attach_sender("q/$management", handle=0)
    peer.transfer(request("com.microsoft:peek-message", encoder.map_of([])))
    assert not [p for p, _ in peer.received() if isinstance(p, Transfer)]
    peer.give_credit(1)
    assert [p for p, _ in peer.received() if isinstance(p, Transfer)]


async def test_peeking_gives_no_more_than_four_full_messages_at_once() -> None:
    peer = requesting_peer()
    for number in range(10):
        peer.hub.broker.find("q").send(message(b"x" * 250_000, message_id=str(number)))
    status, _, body = ask(
        peer, "peek-message", from_sequence_number=encoder.long(1), message_count=encoder.int32(10)
    )
    assert status == 200
    assert len(decoder.decode(body["messages"])[0]) == 4


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("renew-lock", {"lock_tokens": encoder.array_of_longs([1])}),
        ("cancel-scheduled-message", {"sequence_numbers": encoder.string("1")}),
        ("update-disposition", {"disposition_status": encoder.string("eaten")}),
        ("schedule-message", {"messages": encoder.list_of([encoder.NULL])}),
        ("peek-message", {}),
    ],
)
async def test_wrong_arguments_are_said_to_be_wrong(operation: str, fields: dict[str, bytes]) -> None:
    assert ask(requesting_peer(), operation, **fields)[:2] == (400, "com.microsoft:argument-error")


@pytest.mark.parametrize("operation", ["renew-lock", "update-disposition"])
@pytest.mark.parametrize(
    "tokens", [b"\xe0\x01\x01\x40", b"\xe0\x02\x01\x40", encoder.list_of([encoder.NULL])]
)
async def test_a_null_for_a_lock_token_is_refused_by_name(operation: str, tokens: bytes) -> None:
    peer = requesting_peer()
    fields = {"disposition-status": encoder.string("completed"), "lock-tokens": tokens}
    body = encoder.map_of((encoder.string(name), value) for name, value in fields.items())
    peer.transfer(request(f"com.microsoft:{operation}", body))
    (answer,) = [rest for performative, rest in peer.received() if isinstance(performative, Transfer)]
    properties, _ = decoder.decode(sections_of(answer)[0x74])
    assert (properties["statusCode"], properties["errorCondition"]) == (400, "com.microsoft:argument-error")
    assert "null is no lock token" in properties["statusDescription"]


VALUES = st.one_of(
    st.sampled_from([b"\xe0\x01\x01\x40", b"\xe0\x01\x00"]),
    st.just(encoder.NULL),
    st.integers(-(2**63), 2**63 - 1).map(encoder.long),
    st.text(max_size=5).map(encoder.string),
    st.binary(max_size=5).map(encoder.binary),
    st.uuids().map(encoder.guid),
    st.lists(st.uuids(), max_size=2).map(lambda tokens: encoder.array_of(0x98, (t.bytes for t in tokens))),
    st.lists(st.integers(-1, 3), max_size=3).map(encoder.array_of_longs),
    st.just(
        encoder.list_of([encoder.map_of([(encoder.string("message"), encoder.binary(payload(at=NOW + 9)))])])
    ),
    st.just(encoder.list_of([encoder.list_of([encoder.NULL])])),
    st.sampled_from(["completed", "defered", "suspended"]).map(encoder.string),
)


@settings(max_examples=200)
@given(
    operation=st.sampled_from(OPERATIONS),
    fields=st.dictionaries(st.sampled_from(FIELDS), VALUES),
    address=st.sampled_from(["q", "s", "q/$DeadLetterQueue"]),
)
async def test_every_request_is_answered(operation: str, fields: dict[str, bytes], address: str) -> None:
    peer = requesting_peer(f"{address}/$management")
    peer.hub.broker.find("q").send(message())
    status, condition, _ = ask(peer, operation, **fields)
    assert (status in (200, 204)) == (condition is None)
    assert not peer.transport.closed
