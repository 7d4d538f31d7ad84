"""Every error answer of Operations that is known: which fault it is, which field it names, what is kept."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.faults import AccountFault, Fault, Refused, TransientFault
from shared.model.outcome import Cause
from shared.targets.operations.errors import OperationsError, read_error

SERVICES = "Microsoft.Dynamics.Platform.Integration.Services.OData"
WRITE, FIELD, SECURITY = "AxODataWriteException", "AxODataFieldValidationException", "ODataSecurityException"
STACK = (
    "   at Microsoft.Dynamics.Platform.Integration.Services.OData.Update.UpdateProcessor.CreateEntity_Save"
)
SENT = ("OrganizationName", "SalesCurrencyCode", "CustomerGroupId", "CustomerAccount", "CreditLimit")

GROUP = (
    "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'Local' in field "
    "'Customer group' is not found in the related table 'Customer groups'.; Warning: validateField failed on "
    "field 'CustCustomerV3Entity.CustomerGroupId'."
)
CURRENCY = (
    "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'XXX' in field "
    "'Currency' is not found in the related table 'Currencies'.; Warning: validateField failed on field "
    "'CustCustomerV3Entity.SalesCurrencyCode'."
)
GERMAN_CURRENCY = (
    "Fehler beim Schreiben der Tabellenzeile vom Typ 'CustCustomerV3Entity'. Infolog: Warning: Feld "
    "'Währung' muss ausgefüllt werden.; Warning: Fehler bei validateField für Feld "
    "'CustCustomerV3Entity.SalesCurrencyCode'."
)
GERMAN_EXISTS = (
    "Ein Datensatz in Debitoren (CustTable) kann nicht erstellt werden. Debitorenkonto: C-1. Der Datensatz "
    "ist bereits vorhanden."
)
ACCOUNT = (
    "Field validation failed on table of type 'CustCustomerV3Entity' for the following fields: "
    "CustomerAccount. Infolog: Warning: Number C-1 does not match format of the number sequence."
)
PROSPECT = (
    "Cannot create customer with account number 'C-1' with same party number as prospect 'P-2'. The customer "
    "and prospect should have the same account number."
)
EXISTS = (
    "Write failed for table row. Infolog: Error: Cannot create a record in Customers (CustTable). Customer "
    "account: C-1.\nThe record already exists."
)
CONFLICT = (
    "Write failed for table row. Infolog: Error: Cannot edit a record in Customers (CustTable).\nAn update "
    "conflict occurred due to another user process deleting the record or changing one or more fields in the "
    "record."
)
NOT_FOUND = "No resources were found when selecting for update."
READ_ONLY = "Update not allowed for field 'CreditLimit'."
NO_VIEW = "User is not authorized to read view CustCustomerV3Entity. Request denied."


def answer(status: int, message: str = "", kind: str = WRITE, inner: str | None = None) -> OperationsError:
    details: dict[str, Any] = {
        "message": message,
        "type": f"{SERVICES}.{kind}" if "." not in kind else kind,
        "stacktrace": STACK,
    }
    if inner is not None:
        details["internalexception"] = {"message": inner, "type": "System.X", "stacktrace": STACK}
    error = {"code": "", "message": "An error has occurred.", "innererror": details}
    return read_error(httpx.Response(status, json={"error": error}))


def html(status: int) -> OperationsError:
    return read_error(httpx.Response(status, text="<html><body>Bad gateway</body></html>"))


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    ("message", "kind", "field"),
    [
        (GROUP, WRITE, "CustomerGroupId"),
        (CURRENCY, WRITE, "SalesCurrencyCode"),
        (GERMAN_CURRENCY, WRITE, "SalesCurrencyCode"),
        (ACCOUNT, FIELD, "CustomerAccount"),
        (PROSPECT, WRITE, ""),
        ("Infolog: Error: something else", "Anything", ""),
    ],
)
def test_a_refusal_by_the_application_parks_with_its_field(
    status: int, message: str, kind: str, field: str
) -> None:
    error = answer(status, message, kind)
    fault = error.fault("update", SENT, SENT)
    assert isinstance(fault, AccountFault)
    assert fault.problem.cause is Cause.REFUSED
    assert (fault.problem.field, fault.problem.status, fault.problem.error_type) == (field, status, kind)
    assert not error.says_exists("C-1")
    assert not error.says_not_found


def test_the_text_of_an_inner_exception_counts_too() -> None:
    fault = answer(400, "An exception occurred.", WRITE, CURRENCY).fault("update", SENT, SENT)
    assert isinstance(fault, AccountFault)
    assert fault.problem.field == "SalesCurrencyCode"


@pytest.mark.parametrize("status", [400, 409, 500])
def test_a_customer_that_exists_is_known_by_its_number_and_table(status: int) -> None:
    assert answer(status, EXISTS).says_exists("C-1")
    assert answer(status, EXISTS).says_exists(" c-1")


@pytest.mark.parametrize("status", [400, 409, 500])
@pytest.mark.parametrize(
    ("label", "table", "key"),
    [
        ("Global address book", "DirPartyTable", "Party ID: C-1"),
        ("Customer bank accounts", "CustBankAccount", "Customer account: C-1. Bank account: 1"),
        ("Customers", "CustTable", "Customer account: C-12"),
        ("Customers", "CustTable", "Customer account: XC-1"),
        ("Customers", "CustTable", "Customer account: C-1-2"),
    ],
)
def test_another_record_that_exists_is_not_the_customer(
    status: int, label: str, table: str, key: str
) -> None:
    text = f"Infolog: Error: Cannot create a record in {label} ({table}). {key}.\nThe record already exists."
    error = answer(status, text)
    assert not error.says_exists("C-1")
    fault = error.fault("update", SENT, SENT)
    assert isinstance(fault, AccountFault)
    assert fault.problem.cause is Cause.REFUSED


def test_a_translated_text_is_left_to_a_look_up() -> None:
    error = answer(400, GERMAN_EXISTS)
    assert not error.says_exists("C-1")
    assert error.is_business
    assert error.field(SENT) == ""
    assert answer(409, GERMAN_EXISTS).says_exists("C-1")


def test_a_change_of_nothing_is_known_by_its_text_or_status() -> None:
    assert answer(400, NOT_FOUND).says_not_found
    assert html(404).says_not_found
    assert not answer(500, NOT_FOUND).says_not_found
    assert not answer(400, GROUP).says_not_found


@pytest.mark.parametrize("status", [400, 409, 500])
@pytest.mark.parametrize("message", [CONFLICT, "Transaction was deadlocked: a deadlock occurred."])
def test_a_conflict_inside_operations_is_tried_again(status: int, message: str) -> None:
    fault = answer(status, message).fault("update", SENT, SENT)
    assert isinstance(fault, TransientFault)
    assert not fault.unknown_outcome


def test_a_field_that_may_not_be_changed_is_the_accounts() -> None:
    fault = answer(403, READ_ONLY, SECURITY).fault("update", SENT, SENT)
    assert isinstance(fault, AccountFault)
    assert (fault.problem.field, fault.problem.status) == ("CreditLimit", 403)


@pytest.mark.parametrize("error", [answer(403, NO_VIEW, SECURITY), html(403)])
def test_missing_rights_may_be_one_accounts_or_everybodys(error: OperationsError) -> None:
    fault = error.fault("update", SENT, SENT)
    assert isinstance(fault, Refused)
    assert fault.way == f"update 403 {error.type}".strip()
    assert "duties" in fault.remedy


def test_a_write_to_nowhere_may_be_one_accounts_or_everybodys() -> None:
    fault = html(404).fault("create", SENT, SENT)
    assert isinstance(fault, Refused)
    assert "OPERATIONS_URL" in fault.remedy


@pytest.mark.parametrize(
    ("error", "everybodys"),
    [
        (answer(400, ACCOUNT, FIELD), False),
        (answer(400, GROUP), True),
        (answer(400, PROSPECT), True),
        (answer(500, PROSPECT), True),
        (answer(403, READ_ONLY, SECURITY), True),
    ],
)
def test_only_a_value_of_the_accounts_own_is_certainly_no_other_accounts_trouble(
    error: OperationsError, everybodys: bool
) -> None:
    fault = error.fault("update", SENT, {"CustomerAccount", "CreditLimit"})
    assert isinstance(fault, AccountFault)
    assert isinstance(fault, Refused) == everybodys


@pytest.mark.parametrize(
    "error",
    [
        *(html(500), html(502), html(503), html(504)),
        answer(500, "Exception has been thrown by the target of an invocation.", "System.Exception"),
        answer(500, "", ""),
    ],
)
def test_a_bare_5xx_is_tried_again_and_may_have_been_carried_out(error: OperationsError) -> None:
    fault = error.fault("update", SENT, SENT)
    assert isinstance(fault, TransientFault)
    assert fault.unknown_outcome


@pytest.mark.parametrize(
    "message", [GROUP, CURRENCY, GERMAN_CURRENCY, PROSPECT, CONFLICT, READ_ONLY, NO_VIEW]
)
@pytest.mark.parametrize("status", [400, 403, 409, 500])
def test_neither_texts_nor_stack_traces_are_kept(status: int, message: str) -> None:
    fault = answer(status, message + " Max Mustermann").fault("update", SENT, SENT)
    kept = str(fault) + repr(getattr(fault, "problem", ""))
    for text in ("Mustermann", "UpdateProcessor", "Infolog", "Local'", "authorized"):
        assert text not in kept


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", b"[]", b"5", b'"text"', b"{}", b'{"error": null}', b'{"error": "text"}'),
        *(b'{"error": {"innererror": null}}', b'{"error": {"innererror": [1]}}', b"\xff\xfe", b"[" * 100_000),
        b'{"error": {"innererror": {"message": null, "type": 5, "internalexception": "x"}}}',
    ],
)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 500, 503])
def test_an_answer_of_any_form_is_some_fault(content: bytes, status: int) -> None:
    error = read_error(httpx.Response(status, content=content))
    assert isinstance(error.fault("update", SENT, SENT), Fault)
    assert error.status == status


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "innererror", "message", "type", "internalexception"]), inner
        )
    ),
    max_leaves=10,
)


@given(json_values, st.sampled_from([400, 403, 404, 409, 500]))
def test_no_json_value_breaks_the_reading(value: object, status: int) -> None:
    for content in (value, {"error": value}, {"error": {"innererror": value}}):
        error = read_error(httpx.Response(status, content=json.dumps(content).encode()))
        assert isinstance(error.fault("update", SENT, SENT), Fault)
        assert (
            len(getattr(getattr(error.fault("update", SENT, SENT), "problem", None), "error_type", "")) <= 120
        )


def test_only_fields_that_were_sent_are_named() -> None:
    assert answer(400, GROUP).field(("OrganizationName",)) == ""
    assert answer(400, GROUP.replace("CustomerGroupId", "customergroupid")).field(SENT) == "CustomerGroupId"
