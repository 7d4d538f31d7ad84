"""An OData server that is not ours, serving the customers of two companies: it judges keys, quoting, JSON.

It knows the protocol and nothing of Business Central. What is Business Central's own is put around it here:
the companies in the address, the id of a new customer, a number that exists, and the blank of `blocked`.
"""

import json
from uuid import NAMESPACE_DNS, uuid4, uuid5

import httpx
from odatapy.edm.csdl import (
    CsdlAbstractEdmProvider,
    CsdlEntityContainer,
    CsdlEntitySet,
    CsdlEntityType,
    CsdlProperty,
    CsdlPropertyRef,
    CsdlSchema,
)
from odatapy.server import OData
from odatapy.server.adapters import ODataASGIApp
from odatapy.server.inmemory import InMemoryDataStore, InMemoryProcessor

from shared.model.field_map import FieldMap
from tests.contract.odata_peer import AsciiHeaders

ROOT = "/v2.0/contoso.example/production"
_API = f"{ROOT}/api/v2.0/"


class _Model(CsdlAbstractEdmProvider):
    def __init__(self, field_map: FieldMap) -> None:
        super().__init__()
        self._names = sorted({*field_map.names, field_map.hold.field, field_map.key.field})

    def get_schemas(self) -> list[CsdlSchema]:
        customer = CsdlEntityType(
            name="customer",
            key=[CsdlPropertyRef(name="id")],
            properties=[
                CsdlProperty(name="id", type="Edm.Guid", nullable=False),
                *(CsdlProperty(name=name, type="Edm.String") for name in self._names),
            ],
        )
        sets = [CsdlEntitySet(name="customers", type="Microsoft.NAV.customer")]
        container = CsdlEntityContainer(name="default", entity_sets=sets)
        schema = CsdlSchema(namespace="Microsoft.NAV", entity_types=[customer], entity_container=container)
        return [schema]


class _Company:
    """The server of one company, and the numbers that its customers have."""

    def __init__(self, field_map: FieldMap) -> None:
        odata = OData.new_instance()
        handler = odata.create_handler(odata.create_service_metadata(_Model(field_map)))
        handler.register(InMemoryProcessor(InMemoryDataStore()))
        self._server = httpx.ASGITransport(app=ODataASGIApp(AsciiHeaders(handler)))  # pyright: ignore[reportArgumentType]
        self._numbers = set[str]()

    async def answer(self, request: httpx.Request, resource: str) -> httpx.Response:
        content = await request.aread()
        if request.method == "POST":
            sent = json.loads(content)
            if sent["number"] in self._numbers:
                error = {
                    "code": "Internal_EntityWithSameKeyExists",
                    "message": "The Customer already exists.",
                }
                return httpx.Response(400, json={"error": error})
            self._numbers.add(sent["number"])
            content = json.dumps({"id": str(uuid4()), "blocked": "_x0020_", **sent}).encode()
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
        inner = httpx.Request(request.method, f"http://peer/{resource}", headers=headers, content=content)
        return await self._server.handle_async_request(inner)


class _Companies(httpx.AsyncBaseTransport):
    """One server for each company, behind the addresses of Business Central."""

    def __init__(self, field_map: FieldMap, names: tuple[str, ...]) -> None:
        self._ids = {name: str(uuid5(NAMESPACE_DNS, name)) for name in names}
        self._servers = {company_id: _Company(field_map) for company_id in self._ids.values()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().removeprefix(_API)
        company, _, resource = path.partition("/")
        if company.startswith("companies?"):
            rows = [{"id": company_id, "name": name} for name, company_id in self._ids.items()]
            return httpx.Response(200, json={"value": rows})
        if company == "$metadata":  # that of every company
            return await next(iter(self._servers.values())).answer(request, company)
        server = self._servers.get(company.removeprefix("companies(").removesuffix(")"))
        return httpx.Response(404) if server is None else await server.answer(request, resource)


def business_central_peer(field_map: FieldMap, *companies: str) -> httpx.AsyncClient:
    """A client of fresh, empty servers for these companies."""
    return httpx.AsyncClient(base_url=f"http://peer{ROOT}", transport=_Companies(field_map, companies))
