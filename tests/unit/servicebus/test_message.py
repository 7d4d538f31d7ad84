"""Messages are taken apart and put together again without a change to what their sender wrote."""

import contextlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus import encoder
from local.servicebus.decoder import decode, map_entries
from local.servicebus.errors import BrokerFault
from local.servicebus.layout import list_items, skip
from local.servicebus.message import parse_batch, parse_message, with_application_properties
from local.servicebus.stored import StoredMessage, encode_delivery
from tests.unit.servicebus.making import NOW, message, payload


def sections_of(encoded: bytes) -> dict[int, bytes]:
    """The value of each section, encoded."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(encoded):
        code, start = decode(encoded, at + 1)
        at = skip(encoded, start)
        found[code] = encoded[start:at]
    return found


def test_a_delivery_carries_the_brokers_stamps_and_the_senders_bytes() -> None:
    annotations = encoder.map_of(
        [
            (encoder.symbol("x-opt-partition-key"), encoder.string("key")),
            (encoder.symbol("x-opt-sequence-number"), encoder.long(99)),  # a lie
        ]
    )
    application = encoder.described(0x74, encoder.map_of([(encoder.string("n"), encoder.ubyte(7))]))
    sent = encoder.described(0x72, annotations) + payload(b"data") + application
    stored = StoredMessage(parse_message(sent), 5, 5, NOW, None, delivery_count=300, locked_until=NOW + 60)
    sections = sections_of(encode_delivery(stored))
    header, _ = decode(sections[0x70])
    stamps, _ = decode(sections[0x72])
    assert header == [None, None, None, None, 300]
    assert stamps == {
        "x-opt-partition-key": "key",
        "x-opt-sequence-number": 5,
        "x-opt-enqueue-sequence-number": 5,
        "x-opt-enqueued-time": int(NOW * 1000),
        "x-opt-locked-until": int(NOW * 1000) + 60_000,
        "x-opt-message-state": 0,
    }
    assert sections[0x74] == application[3:]  # the ubyte is still a ubyte
    assert sections[0x75] == encoder.binary(b"data")


def test_only_who_holds_the_lock_is_told_its_token() -> None:
    token = UUID("01234567-89ab-cdef-0123-456789abcdef")
    lie = encoder.described(0x71, encoder.map_of([(encoder.symbol("x-opt-lock-token"), encoder.TRUE)]))
    stored = StoredMessage(parse_message(lie + payload()), 5, 5, NOW, None)
    assert 0x71 not in sections_of(encode_delivery(stored))
    stored.lock_token, stored.locked_until = token, NOW + 60
    sections = sections_of(encode_delivery(stored))
    assert list(sections)[:3] == [0x70, 0x71, 0x72]  # in the order that AMQP demands
    assert decode(sections[0x71])[0] == {"x-opt-lock-token": token}
    assert 0x71 not in sections_of(encode_delivery(stored, locked=False))


def test_delivery_annotations_of_the_sender_are_handed_on() -> None:
    annotated = encoder.described(0x71, encoder.map_of([(encoder.symbol("key"), encoder.ubyte(7))]))
    stored = StoredMessage(parse_message(annotated + payload()), 5, 5, NOW, None)
    assert decode(sections_of(encode_delivery(stored))[0x71])[0] == {"key": 7}
    stored.lock_token = UUID(int=1)
    assert decode(sections_of(encode_delivery(stored))[0x71])[0] == {
        "key": 7,
        "x-opt-lock-token": UUID(int=1),
    }


def test_added_properties_leave_the_types_of_the_others_alone() -> None:
    application = encoder.described(0x74, encoder.map_of([(encoder.string("n"), encoder.ubyte(7))]))
    changed = with_application_properties(
        parse_message(payload() + application), {"new": encoder.string("x")}
    )
    _, at = decode(changed.application_properties, 1)
    assert map_entries(changed.application_properties, at)[0] == {
        "n": encoder.ubyte(7),
        "new": encoder.string("x"),
    }


def test_a_missing_id_is_made_up_and_the_other_properties_stay() -> None:
    parsed = message(message_id=None, session_id="s")
    _, at = decode(parsed.properties, 1)
    fields = [decode(parsed.properties, start)[0] for start, _ in list_items(parsed.properties, at)[0]]
    assert fields[0] == parsed.message_id
    assert len(parsed.message_id) == 32
    assert fields[10] == "s"


def test_a_time_to_live_beyond_49_days_is_read_from_the_two_times() -> None:
    fields = [encoder.NULL] * 10
    fields[8], fields[9] = encoder.timestamp(9_000_000_000_000), encoder.timestamp(1_000_000_000_000)
    header = encoder.described(0x70, encoder.list_of([encoder.NULL, encoder.NULL, encoder.uint(0xFFFFFFFF)]))
    parsed = parse_message(header + encoder.described(0x73, encoder.list_of(fields)))
    assert parsed.time_to_live == 8_000_000_000


def test_a_batch_is_taken_apart() -> None:
    envelope = b"".join(encoder.described(0x75, encoder.binary(payload(b"%d" % n))) for n in range(3))
    assert [parsed.body[5:] for parsed in parse_batch(envelope)] == [b"0", b"1", b"2"]


@pytest.mark.parametrize("garbage", [b"\x00", b"no message", b"\x00\x53\x73\xa1\x01x", b"\x00\x53\x10\x45"])
def test_what_is_no_message_is_refused(garbage: bytes) -> None:
    with pytest.raises(BrokerFault):
        parse_message(garbage)
    with pytest.raises(BrokerFault):
        parse_batch(encoder.described(0x75, encoder.binary(garbage)))


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_message_or_a_refusal(data: bytes) -> None:
    for parse in (parse_message, parse_batch):
        with contextlib.suppress(BrokerFault):
            parse(data)


@given(st.data())
def test_no_damage_to_a_message_ends_in_anything_else(data: st.DataObject) -> None:
    damaged = bytearray(payload(b"x" * 20, session_id="s", ttl=5, at=NOW))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = parse_message(bytes(damaged))
    except BrokerFault:
        return
    hash(parsed.message_id)
    assert encode_delivery(StoredMessage(parsed, 1, 1, NOW, None))
