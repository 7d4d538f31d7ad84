"""Reading what Dataverse posts: every known quirk of the wire, and nothing but RejectedEvent for the rest."""

import codecs
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intake.dataverse_context import DataverseEvent, read_event
from shared.model.faults import RejectedEvent
from tests.unit.making import ACCOUNT, NOW, OPERATION, ORGANIZATION, body, sample, sample_bytes, target

JSON = "application/json"


def read(content: bytes, content_type: str | None = JSON) -> DataverseEvent:
    event = read_event(content, content_type, NOW)
    assert event is not None
    return event


def rejection(content: bytes, content_type: str | None = JSON) -> RejectedEvent:
    with pytest.raises(RejectedEvent) as raised:
        read(content, content_type)
    return raised.value


def read_or_reject(content: bytes, content_type: str | None = JSON) -> DataverseEvent | RejectedEvent | None:
    """What `read_event` promises; anything else that it raises fails the test."""
    try:
        return read_event(content, content_type, NOW)
    except RejectedEvent as fault:
        return fault


def test_a_create_is_read_with_its_columns_and_nothing_of_its_parent() -> None:
    event = read(sample_bytes("account-create"))
    assert (event.message, event.row_id) == ("create", ACCOUNT)
    assert (event.organization_id, event.operation_id) == (ORGANIZATION, OPERATION)
    assert event.attributes is not None
    assert {"name", "accountnumber", "transactioncurrencyid"} <= event.attributes
    assert event.occurred_at == datetime.fromtimestamp(1763800200, UTC)
    assert not event.in_transaction


def test_an_update_names_the_columns_of_the_request_also_those_that_were_emptied() -> None:
    event = read(sample_bytes("account-update"))
    assert event.message == "update"
    assert event.attributes == {
        *("name", "telephone1", "transactioncurrencyid", "customertypecode", "creditlimit", "new_labels"),
        *("accountid", "modifiedon", "modifiedby", "modifiedonbehalfby"),
    }
    assert event.initiating_user_id == UUID("5d7a1d3e-2b4c-ee11-8179-6045bd9e0a11")


def test_a_delete_has_a_reference_for_its_target_and_no_columns() -> None:
    event = read(sample_bytes("account-delete"))
    assert (event.message, event.row_id, event.attributes) == ("delete", ACCOUNT, None)


def test_a_stripped_message_still_says_which_account() -> None:
    event = read(sample_bytes("account-update-stripped"))
    assert (event.message, event.row_id, event.attributes) == ("update", ACCOUNT, None)


def test_a_recorded_synchronous_webhook_is_in_a_transaction_and_has_the_requests_id() -> None:
    event = read(sample_bytes("account-create-synchronous-webhook"))
    assert event.in_transaction
    assert event.row_id == UUID("53c52f26-a89d-ef11-8a69-000d3a30b0c1")
    assert event.operation_id == UUID("f8a13ba5-d91d-4dd5-936c-7f3b6d6adb95")
    assert event.occurred_at == datetime(2024, 11, 8, 8, 5, 6, 922000, UTC)


def modified_on(name: str) -> datetime:
    attributes = sample(name)["InputParameters"][0]["value"]["Attributes"]
    (text,) = (item["value"] for item in attributes if item["key"] == "modifiedon")
    return datetime.fromtimestamp(int(text[6:-2]) / 1000, UTC)


@pytest.mark.parametrize(
    "name", ["contact-update", "documentlocation-create-post-image", "account-update", "account-create"]
)
def test_the_time_with_any_offset_is_that_of_the_change_itself(name: str) -> None:
    as_of_an_account = json.dumps(sample(name) | {"PrimaryEntityName": "account"}).encode()
    assert abs(read(as_of_an_account).occurred_at - modified_on(name)) <= timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/Date(0)/", datetime(1970, 1, 1, tzinfo=UTC)),
        ("/Date(-1)/", datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)),
        ("/Date(1763800200123+0000)/", datetime(2025, 11, 22, 8, 30, 0, 123000, UTC)),
        ("/Date(1763789400000+0300)/", datetime(2025, 11, 22, 8, 30, tzinfo=UTC)),
        ("/Date(1763825400000-0700)/", datetime(2025, 11, 22, 8, 30, tzinfo=UTC)),
        ("/Date(1763780400000+0530)/", datetime(2025, 11, 22, 8, 30, tzinfo=UTC)),
        ("/Date(-62135596800000)/", datetime(1, 1, 1, tzinfo=UTC)),
        ("/Date(253402300799999)/", datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)),
    ],
)
def test_dates_become_true_utc(text: str, expected: datetime) -> None:
    assert read(body(OperationCreatedOn=text)).occurred_at == expected


@given(st.integers(-62135596800000, 253402300799999))
def test_any_moment_of_the_calendar_is_read_to_the_millisecond(milliseconds: int) -> None:
    occurred = read(body(OperationCreatedOn=f"/Date({milliseconds})/")).occurred_at
    assert (occurred - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        *("/Date(253402300800000)/", "/Date(-62135596800001)/", "/Date(253402300799999+0100)/"),
        *("/Date(99999999999999999)/", "/Date(999999999999999999999)/", "/Date()/", "/Date(1.5)/"),
        *("2026-11-22T12:00:00Z", "", "/Date(NaN)/", "/Date(1+1)/"),
    ],
)
def test_a_date_outside_the_calendar_or_of_another_form_is_rejected(text: str) -> None:
    assert rejection(body(OperationCreatedOn=text)).reason == "bad-date"


@pytest.mark.parametrize("value", [None, ...])
def test_without_a_time_the_moment_of_receipt_stands_in(value: object) -> None:
    assert read(body(OperationCreatedOn=value)).occurred_at == NOW


def test_slashes_may_be_escaped() -> None:
    escaped = body().replace(b"/Date(1763800200000)/", b"\\/Date(1763800200000)\\/")
    assert read(escaped) == read(body())


def test_a_byte_order_mark_is_no_part_of_the_body() -> None:
    assert read(codecs.BOM_UTF8 + body()) == read(body())


@pytest.mark.parametrize("content_type", [None, "", "application/json; charset=utf-8", "text/plain"])
def test_a_json_body_is_read_whatever_the_content_type_says(content_type: str | None) -> None:
    assert read(body(), content_type) == read(body())


def test_typed_scalars_are_accepted() -> None:
    def typed(kind: str, value: object) -> dict[str, object]:
        return {"__type": f"{kind}:#System", "__value": value}

    content = body(
        OrganizationId=typed("Guid", str(ORGANIZATION)),
        PrimaryEntityId=typed("Guid", str(ACCOUNT)),
        OperationId=typed("Guid", str(OPERATION)),
        OperationCreatedOn=typed("DateTime", "/Date(1763800200000)/"),
        Mode=typed("Int32", 1),
        MessageName=typed("String", "Update"),
    )
    assert read(content) == read(body())


def test_the_targets_id_stands_in_for_an_empty_primary_id() -> None:
    nil = "00000000-0000-0000-0000-000000000000"
    assert read(body(PrimaryEntityId=nil, InputParameters=target())).row_id == ACCOUNT
    typed = [{"key": "Target", "value": {"Id": {"__type": "Guid:#System", "__value": str(ACCOUNT)}}}]
    assert read(body(PrimaryEntityId=..., InputParameters=typed)).row_id == ACCOUNT
    assert read(body(PrimaryEntityId=nil)).row_id is None
    assert read(body(PrimaryEntityId=None, InputParameters=[])).row_id is None


@pytest.mark.parametrize("name", ["contact-update", "finance-data-event"])
def test_nothing_is_asked_of_an_event_of_another_table(name: str) -> None:
    assert read_event(sample_bytes(name), JSON, NOW) is None
    for member in sample(name).keys() - {"PrimaryEntityName"}:
        for value in (None, "", 5, ["x"]):
            trimmed = sample(name) | {member: value}
            assert read_event(json.dumps(trimmed).encode(), JSON, NOW) is None
    alone = {"PrimaryEntityName": sample(name)["PrimaryEntityName"]}
    assert read_event(json.dumps(alone).encode(), JSON, NOW) is None


@pytest.mark.parametrize("table", ["account ", "ac count", "account\n", "\ud800"])
def test_what_is_no_name_of_a_table_is_never_taken_for_the_account(table: str) -> None:
    assert rejection(body(PrimaryEntityName=table)).reason == "not-a-context"


def test_the_parent_context_is_never_walked() -> None:
    parent: Any = {"PrimaryEntityId": "not a guid", "InputParameters": {"key": 5}}
    for _ in range(50):
        parent = {"ParentContext": parent, "OperationCreatedOn": "no date"}
    assert read(body(ParentContext=parent)) == read(body())


@pytest.mark.parametrize("mode", [0, 1, None, ...])
@pytest.mark.parametrize("flag", [True, False, None, ...])
def test_a_synchronous_step_is_in_its_transaction(mode: object, flag: object) -> None:
    assert read(body(Mode=mode, IsInTransaction=flag)).in_transaction == (mode == 0 or flag is True)


@pytest.mark.parametrize("name", ["PrimaryEntityName", "MessageName", "OrganizationId"])
@pytest.mark.parametrize("value", [None, ..., "", 5, [], {}, "\ud800"])
def test_what_no_event_can_do_without_is_named_in_the_rejection(name: str, value: object) -> None:
    fault = rejection(body(**{name: value}))
    assert fault.reason == "not-a-context"
    assert name in fault.description


def test_newer_and_null_members_are_not_needed() -> None:
    nulls = dict.fromkeys(
        ("RequestId", "CorrelationId", "InitiatingUserId", "UserId", "InputParameters", "SharedVariables")
    )
    event = read(body(**nulls))
    assert event.correlation_id is event.initiating_user_id is event.attributes is None


def test_the_operation_id_falls_back_to_the_request_then_to_the_correlation() -> None:
    nil, other = "00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"
    assert read(body(OperationId=nil, RequestId=other)).operation_id == UUID(other)
    assert read(body(OperationId=None, CorrelationId=other)).operation_id == UUID(other)
    assert rejection(body(OperationId=nil)).reason == "no-operation-id"


def test_names_are_compared_in_lower_case() -> None:
    event = read(body(PrimaryEntityName="Account", MessageName="UPDATE", InputParameters=target(Name="x")))
    assert (event.message, event.attributes) == ("update", {"name"})


@pytest.mark.parametrize(
    "attributes", [[], {}, None, "text", [None], [{}], [{"key": 5}], [{"key": None, "value": 1}], [[1]]]
)
def test_attributes_that_name_no_column_count_as_unknown(attributes: object) -> None:
    parameters = [{"key": "Target", "value": {"Id": str(ACCOUNT), "Attributes": attributes}}]
    assert read(body(InputParameters=parameters)).attributes is None


@pytest.mark.parametrize("value", [None, "text", 5, ["x"], True])
def test_a_target_that_is_no_object_tells_nothing(value: object) -> None:
    assert read(body(InputParameters=[{"key": "Target", "value": value}])).attributes is None


@pytest.mark.parametrize("parameters", [{"Target": {}}, "text", 5, [5], [None], [{"value": 1}]])
def test_parameters_that_are_no_array_of_pairs_are_rejected(parameters: object) -> None:
    assert rejection(body(InputParameters=parameters)).reason == "not-a-context"


XML = b'<RemoteExecutionContext xmlns="http://schemas.microsoft.com/xrm/2011/Contracts"/>'


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (XML, "application/xml", "xml"),
        (codecs.BOM_UTF8 + b"\r\n " + XML, JSON, "xml"),
        (b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/\x9a\x05", JSON, "msbin1"),
        (b"V\x08RemoteExecutionContext", None, "msbin1"),
        (b"\x01\x02", "application/msbin1", "msbin1"),
        (body().decode().encode("utf-16"), JSON, "not-utf-8"),
        (body().decode().encode("utf-16-le"), JSON, "not-json"),
        (body().decode().encode("utf-16-be"), JSON, "not-json"),
        ("{'Straße': 1}".encode("cp1252"), JSON, "not-utf-8"),
        (b"", JSON, "not-json"),
        (b"   ", JSON, "not-json"),
        (b"{", JSON, "not-json"),
        (body() + body(), JSON, "not-json"),
        (b"[" * 100_000, JSON, "not-json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON, "not-json"),
        (b'{"Mode": ' + b"9" * 5000 + b"}", JSON, "not-json"),
        (b"NaN", JSON, "not-a-context"),
        (b"null", JSON, "not-a-context"),
        (b"[]", JSON, "not-a-context"),
        (b'"text"', JSON, "not-a-context"),
        (b"{}", JSON, "not-a-context"),
    ],
)
def test_what_is_no_context_is_rejected_with_a_stable_reason(
    content: bytes, content_type: str | None, reason: str
) -> None:
    fault = rejection(content, content_type)
    assert fault.reason == reason
    assert fault.description


@pytest.mark.parametrize("reason", ["xml", "msbin1", "not-utf-8", "not-json"])
def test_a_wrong_format_is_answered_with_its_remedy(reason: str) -> None:
    content = {"xml": XML, "msbin1": b"@\x01", "not-utf-8": b"\xff", "not-json": b"x"}[reason]
    assert "message format" in rejection(content).description
    assert "JSON" in rejection(content).description


@pytest.mark.parametrize("name", ["Mode", "OperationCreatedOn", "IsInTransaction", "CorrelationId"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e400, [1], {"a": 1}, "\udfff", -1.5])
def test_members_of_a_wrong_kind_are_rejected(name: str, value: object) -> None:
    assert rejection(body(**{name: value})).reason in {"not-a-context", "bad-date"}


def test_of_duplicate_members_the_last_one_counts() -> None:
    doubled = body()[:-1] + b', "MessageName": "Delete"}'
    assert read(doubled).message == "delete"


def test_lone_surrogates_in_what_is_not_looked_at_do_no_harm() -> None:
    content = body(OrganizationName="\ud83d", InputParameters=target(name="\udc00", **{"new_\ud800": 1}))
    event = read(content)
    assert event.attributes is not None
    assert "name" in event.attributes


def test_values_of_the_body_are_not_repeated_in_the_rejection() -> None:
    fault = rejection(body(OrganizationId="Max Mustermann", MessageName=["secret"]))
    assert "Mustermann" not in str(fault)
    assert "secret" not in str(fault)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(sorted(sample("account-create")))


@given(st.dictionaries(MEMBERS, json_values, max_size=6), st.booleans())
def test_no_json_value_fails_other_than_with_its_rejection(
    members: dict[str, Any], on_a_valid_one: bool
) -> None:
    content = body(**members) if on_a_valid_one else json.dumps(members).encode()
    match read_or_reject(content):
        case RejectedEvent(reason=reason, description=description):
            assert reason
            assert description
        case None:
            assert members["PrimaryEntityName"] != "account"
        case event:
            assert event.occurred_at.tzinfo is UTC


@given(json_values)
def test_no_target_fails_other_than_with_its_rejection(value: object) -> None:
    parameters = [
        {"key": "Target", "value": {"Attributes": value, "Id": value}},
        {"key": "x", "value": value},
    ]
    assert read(body(InputParameters=parameters)).row_id == ACCOUNT
    assert read_or_reject(body(PrimaryEntityId=None, InputParameters=parameters)) is not None


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: body()[:-1] + tail), st.text())
def test_no_bytes_fail_other_than_with_a_rejection(content: bytes, content_type: str) -> None:
    assert read_or_reject(content, content_type) is not None


KNOWN = set(sample("account-create"))


@given(st.dictionaries(st.text().filter(lambda name: name not in KNOWN), json_values, max_size=8))
def test_a_valid_context_is_read_whatever_else_it_has(extra: dict[str, Any]) -> None:
    assert read(json.dumps(json.loads(body()) | extra).encode()) == read(body())


@given(st.sampled_from(["organization_id", "table", "message", "mode", "occurred", "input_parameters"]))
def test_only_the_names_of_the_wire_count(name: str) -> None:
    assert read(body(**{name: ["not looked at"]})) == read(body())
    wire = {"organization_id": "OrganizationId", "table": "PrimaryEntityName", "message": "MessageName"}
    if name in wire:
        assert rejection(body(**{name: str(ORGANIZATION), wire[name]: ...})).reason == "not-a-context"
