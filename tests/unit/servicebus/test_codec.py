"""AMQP types: what is written is read again, and no bytes do harm."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus import decoder, encoder, layout
from local.servicebus.errors import MalformedBytes

ENCODED = st.recursive(
    st.one_of(
        st.none().map(lambda _: (None, encoder.NULL)),
        st.booleans().map(lambda v: (v, encoder.boolean(v))),
        st.integers(0, 0xFFFFFFFF).map(lambda v: (v, encoder.uint(v))),
        st.integers(0, 2**64 - 1).map(lambda v: (v, encoder.ulong(v))),
        st.integers(-(2**63), 2**63 - 1).map(lambda v: (v, encoder.long(v))),
        st.integers(-(2**31), 2**31 - 1).map(lambda v: (v, encoder.int32(v))),
        st.text(max_size=300).map(lambda v: (v, encoder.string(v))),
        st.binary(max_size=300).map(lambda v: (v, encoder.binary(v))),
        st.uuids().map(lambda v: (v, encoder.guid(v))),
    ),
    lambda inner: st.lists(inner, max_size=300).map(
        lambda items: ([value for value, _ in items], encoder.list_of(code for _, code in items))
    ),
    max_leaves=50,
)


@given(ENCODED)
def test_values_come_back_as_they_were(pair: tuple[Any, bytes]) -> None:
    value, encoded = pair
    assert decoder.decode(encoded) == (value, len(encoded))
    assert layout.skip(encoded) == len(encoded)


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (encoder.map_of([(encoder.string("a"), encoder.uint(1))]), {"a": 1}),
        (encoder.map_of((encoder.uint(n), encoder.NULL) for n in range(200)), dict.fromkeys(range(200))),
        (encoder.array_of_longs([1, -2]), [1, -2]),
        (encoder.array_of_timestamps([3]), [3]),
        (encoder.array_of_strings(["a", "ä" * 300]), ["a", "ä" * 300]),
        (encoder.array_of_symbols(["x", "y"]), ["x", "y"]),
        (encoder.described(0x24, encoder.EMPTY_LIST), decoder.Described(0x24, [])),
        (encoder.ubyte(255), 255),
        (encoder.ushort(65535), 65535),
        (b"\x54\xff", -1),
        (b"\x56\x01", True),
        (b"\x72\x3f\xc0\x00\x00", 1.5),
        (b"\x73\x00\x00\x00\x41", "A"),
        (b"\xe0\x05\x03\x50\x01\x02\x03", [1, 2, 3]),
        (b"\xe0\x19\x01\x98" + b"\x01" * 16 + b"", None),
    ],
)
def test_all_kinds_of_values_are_read(encoded: bytes, value: Any) -> None:
    if value is None:  # an array that says it is longer than it is
        with pytest.raises(MalformedBytes):
            decoder.decode(encoded)
        return
    assert decoder.decode(encoded) == (value, len(encoded))


def test_an_array_of_uuids_is_read() -> None:
    tokens = [UUID(int=1), UUID(int=2)]
    assert decoder.decode(encoder.array_of(0x98, (token.bytes for token in tokens)))[0] == tokens


ONE_NULL_SHORT = b"\xe0\x01\x01\x40"  # as the Python SDK writes it: the type code is not in the size


def test_an_array_of_one_null_may_be_one_byte_longer_than_it_says() -> None:
    assert decoder.decode(ONE_NULL_SHORT) == ([None], 4)
    assert decoder.decode(b"\xe0\x02\x01\x40") == ([None], 4)
    assert layout.skip(ONE_NULL_SHORT) == 4
    entries = [(encoder.string("a"), ONE_NULL_SHORT), (encoder.string("b"), encoder.uint(1))]
    assert decoder.map_entries(encoder.map_of(entries))[0] == {"a": ONE_NULL_SHORT, "b": encoder.uint(1)}


def test_an_array_of_nothing_needs_no_type() -> None:
    assert decoder.decode(b"\xe0\x01\x00") == ([], 3)
    assert decoder.decode(b"\xf0\x00\x00\x00\x04\x00\x00\x00\x00") == ([], 9)


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        b"\x00",
        b"\x3f",
        b"\xa1\x05abc",  # shorter than it says
        b"\xb1\xff\xff\xff\xffabc",
        b"\xa1\x01\xff",  # no UTF-8
        b"\xc0\x02\x02\x40",  # more items than bytes
        b"\xd0\x00\x00\x00\x05\xff\xff\xff\xff\x40",  # four thousand million items
        b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40",  # as many nothings
        b"\xe0\x01\x01",  # an array that ends before its type
        b"\xe0\x01\x01\x41",
        b"\xc1\x03\x02\x45\x40",  # a list as a key
        b"\xc1\x02\x01\x40",  # a key without a value
        b"\xc0\x03\x01\x40\x40",  # ends elsewhere
        b"\x73\xff\xff\xff\xff",  # no character
        b"\x00" * 100_000,
        b"\xd0\x00\x00\xff\xff\x00\x00\x00\x01" * 5000,
    ],
)
def test_malformed_bytes_are_refused(malformed: bytes) -> None:
    with pytest.raises(MalformedBytes):
        decoder.decode(malformed)


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_a_value_or_a_refusal(data: bytes) -> None:
    for read in (decoder.decode, layout.list_items, decoder.map_entries, decoder.descriptor):
        try:
            _, end = read(data)
        except MalformedBytes:
            continue
        assert end <= len(data)


@given(st.integers(0xC0, 0xF1), st.binary(max_size=60))
def test_no_compound_value_ends_in_anything_else(code: int, data: bytes) -> None:
    try:
        _, end = decoder.decode(bytes((code,)) + data)
    except MalformedBytes:
        return
    assert layout.skip(bytes((code,)) + data) == end
