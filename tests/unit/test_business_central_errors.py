"""Which answer of Business Central means what: one table of status, code and quoted property."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.field_maps import load_field_map
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, ConfigurationFault, Fault, Refused, TransientFault
from shared.targets.business_central.capabilities import ADDRESS, capabilities
from shared.targets.business_central.errors import BusinessCentralError, Meaning, read_error
from shared.targets.business_central.links import links
from shared.targets.business_central.values import encode, enumerated, lost_parts

MAP = load_field_map("business-central", "business-central")
OWN = {"country", "city", "email", "number", "currencyCode"}
RELATION = "Internal_InvalidTableRelation"
DIALOG = "Application_DialogException"
LENGTH = "Application_StringExceededLength"


def answer(status: int, code: object = "", text: object = "") -> BusinessCentralError:
    error = {"code": code, "message": text}
    return read_error(httpx.Response(status, content=json.dumps({"error": error}).encode()))


def html(status: int) -> BusinessCentralError:
    return read_error(httpx.Response(status, text="<html>Bad gateway</html>"))


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (answer(400, "Internal_EntityWithSameKeyExists"), Meaning.EXISTS),
        (answer(409, "Internal_EntityWithSameKeyExists"), Meaning.EXISTS),
        (answer(500, "Internal_EntityWithSameKeyExists"), Meaning.EXISTS),
        (answer(404, "Internal_RecordNotFound"), Meaning.MISSING),
        (answer(404, "BadRequest_ResourceNotFound"), Meaning.NO_PAGE),
        (answer(404, "Internal_CompanyNotFound"), Meaning.COMPANY),
        (answer(400, "Internal_CompanyNotFound"), Meaning.COMPANY),
        (answer(409, "Request_EntityChanged"), Meaning.CHANGED),
        (answer(409, "Unknown"), Meaning.CHANGED),
        (html(412), Meaning.CHANGED),
        (html(403), Meaning.ACCESS),
        (answer(403, RELATION), Meaning.ACCESS),
        (answer(400, "Authorization_RequestDenied"), Meaning.ACCESS),
        (answer(400, "Authentication_InvalidCredentials"), Meaning.ACCESS),
        (answer(503, "Internal_TenantUnavailable"), Meaning.NOT_EXECUTED),
        (answer(500, "Internal_TenantUnavailable"), Meaning.NOT_EXECUTED),
        (answer(503, DIALOG), Meaning.NOT_EXECUTED),
        (html(503), Meaning.UNKNOWN),
        (answer(503), Meaning.UNKNOWN),
        (answer(500, "Internal_ServerError"), Meaning.UNKNOWN),
        (answer(500, "Unknown"), Meaning.UNKNOWN),
        (answer(502, DIALOG), Meaning.UNKNOWN),
        (answer(504, "Internal_EntityWithSameKeyExists"), Meaning.UNKNOWN),
        (html(500), Meaning.UNKNOWN),
        (html(202), Meaning.UNKNOWN),
        (answer(400, LENGTH), Meaning.VALUE),
        (answer(500, RELATION), Meaning.VALUE),
        (answer(400, DIALOG), Meaning.DIALOG),
        (answer(400, "BadRequest"), Meaning.REFUSED),
        (answer(400, "BadRequest_InvalidToken"), Meaning.REFUSED),
        (answer(404, "BadRequest_NotFound"), Meaning.REFUSED),
        (answer(418, "Never_Heard_Of"), Meaning.REFUSED),
        (html(404), Meaning.REFUSED),
    ],
)
def test_an_answer_means_what_its_status_and_code_say(error: BusinessCentralError, meaning: Meaning) -> None:
    assert error.meaning is meaning


@pytest.mark.parametrize(
    ("error", "sent", "field"),
    [
        (answer(400, DIALOG, 'The "currencyCode" does not match to a Currency.'), OWN, "currencyCode"),
        (answer(400, DIALOG, 'The blank "displayName" is not allowed.'), OWN, ""),
        (answer(400, RELATION, "The field Country/Region Code of table"), ["country", "city"], "country"),
        (answer(400, RELATION, "The field Country/Region Code of table"), OWN, ""),
        (answer(400, LENGTH, "The length of the string is 90"), ["city"], "city"),
        (answer(400, LENGTH, "The length of the string is 90"), OWN, ""),
        (answer(400, "BadRequest", "anything"), ["city"], ""),
    ],
)
def test_a_field_is_named_if_the_answer_tells_which_one(
    error: BusinessCentralError, sent: list[str], field: str
) -> None:
    assert error.field(sent) == field


@pytest.mark.parametrize(
    ("error", "operation", "sent", "kind"),
    [
        (answer(400, RELATION), "create", OWN, AccountFault),
        (answer(400, RELATION), "create", OWN | {"salespersonCode"}, Refused),
        (answer(400, DIALOG), "update", OWN, AccountFault),
        (answer(400, DIALOG), "create", OWN, Refused),
        (answer(400, DIALOG, 'The "currencyCode"'), "create", OWN | {"type"}, AccountFault),
        (answer(400, DIALOG, 'The "type"'), "create", OWN | {"type"}, Refused),
        (answer(400, "BadRequest", "The property 'city'"), "update", ["city"], Refused),
        (html(404), "update", OWN, Refused),
        (answer(404, "BadRequest_ResourceNotFound"), "create", OWN, ConfigurationFault),
        (answer(403), "create", OWN, ConfigurationFault),
        (answer(409), "update", OWN, TransientFault),
        (html(500), "update", OWN, TransientFault),
    ],
)
def test_only_a_value_of_the_account_is_certainly_no_other_accounts_trouble(
    error: BusinessCentralError, operation: str, sent: Any, kind: type[Fault]
) -> None:
    assert type(error.fault(operation, sent, OWN)) is kind


def test_the_way_of_a_refusal_is_its_operation_status_and_code() -> None:
    fault = answer(400, DIALOG, "You may not enter numbers manually.").fault("create", OWN, OWN)
    assert isinstance(fault, Refused)
    assert fault.way == f"create 400 {DIALOG}"


def test_neither_texts_nor_codes_of_another_form_are_kept() -> None:
    for code in (DIALOG, "Max Mustermann", "x" * 200, "", 5, None, ["x"]):
        fault = answer(400, code, 'Max Mustermann "Mustermann"').fault("update", OWN, OWN)
        assert "Mustermann" not in str(fault) + repr(getattr(fault, "problem", ""))
        assert len(str(fault)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "code", "message"]), inner)
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from([200, 302, 400, 403, 404, 409, 412, 500, 503, 599]))
def test_no_json_value_breaks_the_reading(value: object, status: int) -> None:
    for content in (value, {"error": value}, {"error": {"code": value, "message": value}}):
        error = read_error(httpx.Response(status, content=json.dumps(content).encode()))
        assert isinstance(error.fault("update", OWN, OWN), Fault)


def test_the_address_is_one_unit_with_the_country_first() -> None:
    found = capabilities(MAP)
    assert found.sent_together == ADDRESS
    assert found.sent_together[:2] == ("country", "postalCode")
    assert found.code_fields == {"country", "postalCode", "currencyCode"}
    assert (found.longest_request_seconds, found.most_concurrent_requests) == (960, 5)


def test_the_order_of_the_fields_is_the_order_of_the_body() -> None:
    orders: list[tuple[str, ...]] = [ADDRESS, ADDRESS[::-1]]
    for names in orders:
        assert [*json.loads(encode(dict.fromkeys(names, "x")))] == [*names]


@pytest.mark.parametrize(
    ("answered", "lost"),
    [
        ({"city": "B", "state": "", "postalCode": "1"}, {}),
        ({"city": "", "state": "", "postalCode": "1"}, {"city": "B", "state": "S"}),
        ({"city": "", "state": "", "postalCode": ""}, {"postalCode": "1", "city": "B", "state": "S"}),
        ({"city": "Hamburg", "state": "", "postalCode": "1"}, {}),
        ({}, {}),
    ],
)
def test_parts_of_an_address_that_were_cleared_are_sent_again(
    answered: dict[str, str], lost: dict[str, str]
) -> None:
    sent = {"country": "DE", "postalCode": "1", "city": "B", "state": "S", "addressLine2": ""}
    assert lost_parts(sent, answered) == lost


@pytest.mark.parametrize(
    ("answered", "read"), [("_x0020_", "_x0020_"), (" ", "_x0020_"), ("", "_x0020_"), ("Ship", "Ship")]
)
def test_every_form_of_a_blank_is_one_value(answered: str, read: str) -> None:
    assert enumerated(answered) == read


URL = "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production"
WEB = "https://businesscentral.dynamics.com/contoso.com/production/?company=A%20%26%20B"


@pytest.mark.parametrize(
    ("customer", "record"),
    [
        (None, None),
        (CustomerKey("A & B", "a1", by="accountId"), None),
        (CustomerKey("A & B", "c-1"), f"{WEB}&page=21&filter=%27No.%27%20IS%20%27C-1%27"),
        (CustomerKey("A & B", "O'N"), f"{WEB}&page=21&filter=%27No.%27%20IS%20%27O%27%27N%27"),
    ],
)
def test_links_open_the_web_client(customer: CustomerKey | None, record: str | None) -> None:
    found = links(URL, "A & B", customer)
    assert found["business-central"] == f"{WEB}&page=22"
    assert found.get("business-central_record") == record
