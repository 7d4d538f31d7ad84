"""Metadata documents: what is read of them, and which are refused."""

from collections.abc import AsyncIterator

import pytest

from shared.model.description import FieldDescription, TargetDescription, ValueType
from shared.targets import edmx
from shared.targets.edmx import EdmxError, read_entity

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
        described = await read(V4, size=size)
        assert described == TargetDescription(
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
    described = await read(V3, "Customer")
    assert described is not None
    assert described.fields == {"No": FieldDescription(ValueType.TEXT, 20)}
    assert described.keys == {"No"}


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
