"""An OData server that is not ours, serving a CustomersV3 model: it judges keys, quoting, filters and JSON.

It knows the protocol and nothing of Operations, so only the protocol half of the contract runs against it.
"""

import string
from typing import Any
from urllib.parse import quote

import httpx
from odatapy.edm.csdl import (
    CsdlAbstractEdmProvider,
    CsdlEntityContainer,
    CsdlEntitySet,
    CsdlEntityType,
    CsdlEnumMember,
    CsdlEnumType,
    CsdlProperty,
    CsdlPropertyRef,
    CsdlSchema,
)
from odatapy.server import OData
from odatapy.server.adapters import ODataASGIApp
from odatapy.server.inmemory import InMemoryDataStore, InMemoryProcessor

from shared.model.field_map import FieldMap

NAMESPACE = "Microsoft.Dynamics.DataEntities"
HOLDS = ("No", "Invoice", "All", "Payment", "Requisition", "Never")


class _Model(CsdlAbstractEdmProvider):
    def __init__(self, field_map: FieldMap) -> None:
        super().__init__()
        self._field_map = field_map

    def get_schemas(self) -> list[CsdlSchema]:
        keys = (self._field_map.company.field, self._field_map.key.field)
        hold = f"{NAMESPACE}.CustVendorBlocked"
        customer = CsdlEntityType(
            name="CustomerV3",
            key=[CsdlPropertyRef(name=name) for name in keys],
            properties=[
                *(CsdlProperty(name=name, type="Edm.String", nullable=False) for name in keys),
                *(CsdlProperty(name=name, type="Edm.String") for name in sorted(self._field_map.names)),
                CsdlProperty(name=self._field_map.hold.field, type=hold),
            ],
        )
        members = [CsdlEnumMember(name=name, value=number) for number, name in enumerate(HOLDS)]
        container = CsdlEntityContainer(
            name="Resources",
            entity_sets=[CsdlEntitySet(name="CustomersV3", type=f"{NAMESPACE}.CustomerV3")],
        )
        return [
            CsdlSchema(
                namespace=NAMESPACE,
                entity_types=[customer],
                enum_types=[CsdlEnumType(name="CustVendorBlocked", members=members)],
                entity_container=container,
            )
        ]


class AsciiHeaders:
    """The handler, with the addresses in its headers encoded, which its ASGI adapter leaves to others."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    async def process_async(self, request: Any) -> Any:
        response = await self._handler.process_async(request)
        for name, value in [*response.headers.items()]:
            response.headers[name] = quote(value, safe=string.printable)
        return response


def odata_peer(field_map: FieldMap) -> httpx.AsyncClient:
    """A client of a fresh, empty server; its service root is /data, as that of Operations."""
    odata = OData.new_instance()
    handler = odata.create_handler(odata.create_service_metadata(_Model(field_map)))
    handler.register(InMemoryProcessor(InMemoryDataStore()))
    transport = httpx.ASGITransport(app=ODataASGIApp(AsciiHeaders(handler)), root_path="/data")  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(base_url="http://peer", transport=transport)
