"""Metadata documents: what is read of them, and which are refused."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.model.description import FieldDescription, TargetDescription, ValueType
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.targets import edmx
from shared.targets.edmx import EdmxError, describe, read_entity
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.fakes.clock import FakeClock

V4 = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EntityType Name="customer"><Key><PropertyRef Name="id"/></Key>
<Property Name="id" Type="Edm.Guid" Nullable="false"/>
<Property Name="displayName" Type="Edm.String" MaxLength="100"><Annotation Term="x" String="y"/></Property>
<Property Name="memo" Type="Edm.String" MaxLength="Max"/>
<Property Name="blocked" Type="Microsoft.NAV.customerBlocked"/>
<Property Name="creditLimit" Type="Edm.Decimal" Scale="Variable"/>
<Property Name="taxLiable" Type="Edm.Boolean"/>
<Property Name="address" Type="Microsoft.NAV.address"/>
<NavigationProperty Name="currency" Type="Microsoft.NAV.currency"/></EntityType>
<ComplexType Name="address"><Property Name="street" Type="Edm.String"/></ComplexType>
<EnumType Name="customerBlocked"><Member Name="_x0020_" Value="0"/><Member Name="All" Value="3"/></EnumType>
<EntityContainer Name="NAV"><EntitySet Name="customers" EntityType="Microsoft.NAV.customer"/>
</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""
V3 = """<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"><edmx:DataServices>
<Schema Namespace="NAV" xmlns="http://schemas.microsoft.com/ado/2009/11/edm">
<EntityType Name="Customer"><Key><PropertyRef Name="No"/></Key>
<Property Name="No" Type="Edm.String" Nullable="false" MaxLength="20"/></EntityType>
</Schema><Schema Namespace="Other"><EntityContainer Name="NAV">
<EntitySet Name="Customer" EntityType="NAV.Customer"/>
</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""
LAUGHS = """<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<edmx><EntityType Name="&b;"/></edmx>"""


async def read(document: str, entity_set: str = "customers", size: int = 7) -> TargetDescription | None:
    async def chunks() -> AsyncIterator[bytes]:
        content = document.encode()
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return await read_entity(chunks(), entity_set)


async def test_the_rows_of_a_set_are_described_whatever_the_pieces() -> None:
    for size in (1, 7, 10_000):
        assert await read(V4, size=size) == TargetDescription(
            "customers",
            {
                "id": FieldDescription(ValueType.TEXT),
                "displayName": FieldDescription(ValueType.TEXT, 100),
                "memo": FieldDescription(ValueType.TEXT),
                "blocked": FieldDescription(ValueType.CHOICE, values=frozenset({"_x0020_", "All"})),
                "creditLimit": FieldDescription(ValueType.DECIMAL),
                "taxLiable": FieldDescription(ValueType.YES_NO),
                "address": FieldDescription(ValueType.OTHER),
            },
            frozenset({"id"}),
        )


async def test_a_document_of_version_3_is_read_alike() -> None:
    found = await read(V3, "Customer")
    assert found is not None
    assert found.fields == {"No": FieldDescription(ValueType.TEXT, 20)}
    assert found.keys == {"No"}


async def test_a_set_that_is_not_there_is_none() -> None:
    assert await read(V4, "vendors") is None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (LAUGHS, "declares entities"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "declares entities"),
        ("<html><body>Sign in", "is no XML"),
        ("", "is no XML"),
        ('{"error": {}}', "is no XML"),
    ],
)
async def test_a_document_that_cannot_be_trusted_or_read_is_refused(document: str, reason: str) -> None:
    with pytest.raises(EdmxError, match=reason):
        await read(document)


async def test_no_more_than_the_bound_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edmx, "MOST_BYTES", 1_000)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b"<x>"
        while True:
            taken += 100
            yield b" " * 100

    with pytest.raises(EdmxError, match="longer than"):
        await read_entity(endless(), "customers")
    assert taken <= 1_100


async def test_no_more_elements_than_the_bound_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edmx, "_MOST_ELEMENTS", 10)
    with pytest.raises(EdmxError, match="too many elements"):
        await read(V4)


# --- over HTTP


class Body(httpx.AsyncByteStream):
    """A document that comes in pieces, and then fails or never ends if that is asked for."""

    def __init__(self, content: str = V4, *, ends: bool = True, fault: Exception | None = None) -> None:
        self._content, self._ends, self._fault = content, ends, fault

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content.encode()
        if self._fault is not None:
            raise self._fault
        if not self._ends:
            await asyncio.Event().wait()


def client(answer: httpx.Response) -> ODataClient:
    http = httpx.AsyncClient(base_url="https://erp.test/api", transport=httpx.MockTransport(lambda _: answer))
    return ODataClient(System.NAV, http, FixedToken("any"), FakeClock())


async def described(answer: httpx.Response, entity_set: str = "customers") -> TargetDescription:
    return await describe(client(answer), "/$metadata", entity_set, "Check the address.")


async def test_a_document_is_read_while_it_comes() -> None:
    assert (await described(httpx.Response(200, stream=Body()))).keys == {"id"}


@pytest.mark.parametrize(
    "body",
    [Body("<x>", fault=httpx.ReadError("cut off")), Body("<x>", ends=False)],
    ids=["cut off", "endless"],
)
async def test_a_document_that_does_not_end_is_transient(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edmx, "_LONGEST_SECONDS", 0.05)
    with pytest.raises(TransientFault):
        await described(httpx.Response(200, stream=body))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(404), "answered 404"),
        (httpx.Response(200, text="<html>Sign in"), "is no XML"),
        (httpx.Response(200, text=V3), "has no customers"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test/"}), "redirect"),
        (httpx.Response(401), "refuses the app's token"),
    ],
)
async def test_an_answer_that_is_no_description_is_a_wrong_set_up(
    answer: httpx.Response, reason: str
) -> None:
    with pytest.raises(ConfigurationFault, match=reason):
        await described(answer)
