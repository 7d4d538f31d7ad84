"""An OData server that is not ours, serving a customer page of two companies: it judges keys, quoting, JSON.

It knows the protocol (V4) and nothing of NAV. What is NAV's own is put around it here: the company's segment
of an address, the list of companies, the blank of Blocked, and the code of a number that exists.
"""

import json
from urllib.parse import unquote

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

INSTANCE = "/DynamicsNAV110"
_ROOT = f"{INSTANCE}/ODataV4/"


class _Model(CsdlAbstractEdmProvider):
    def __init__(self, field_map: FieldMap) -> None:
        super().__init__()
        self._field_map = field_map

    def get_schemas(self) -> list[CsdlSchema]:
        key, names = self._field_map.key.field, sorted({*self._field_map.names, self._field_map.hold.field})
        customer = CsdlEntityType(
            name="Customer",
            key=[CsdlPropertyRef(name=key)],
            properties=[
                CsdlProperty(name=key, type="Edm.String", nullable=False),
                *(CsdlProperty(name=name, type="Edm.String") for name in names),
            ],
        )
        sets = [CsdlEntitySet(name="Customer", type="NAV.Customer")]
        container = CsdlEntityContainer(name="NAV", entity_sets=sets)
        return [CsdlSchema(namespace="NAV", entity_types=[customer], entity_container=container)]


class _Companies(httpx.AsyncBaseTransport):
    """One server for each company, behind the addresses of NAV."""

    def __init__(self, field_map: FieldMap, companies: tuple[str, ...]) -> None:
        self._hold = field_map.hold.field
        self._servers = {name: _server(field_map) for name in companies}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().removeprefix(_ROOT).partition("?")
        company, _, resource = path.partition("/")
        if company == "Company":
            return httpx.Response(200, json={"value": [{"Name": name} for name in self._servers]})
        if company == "$metadata":  # that of every company
            company, resource = f"Company('{next(iter(self._servers))}')", company
        server = self._servers.get(unquote(company)[len("Company('") : -len("')")].replace("''", "'"))
        if server is None:
            return httpx.Response(404)
        url = httpx.URL(f"http://peer/{resource}{query and '?'}{query}")
        content = await request.aread()
        if request.method == "POST":
            content = json.dumps({self._hold: "_x0020_", **json.loads(content)}).encode()
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
        answer = await server.handle_async_request(
            httpx.Request(request.method, url, headers=headers, content=content)
        )
        return _exists(content) if (request.method, answer.status_code) == ("POST", 409) else answer


def _server(field_map: FieldMap) -> httpx.ASGITransport:
    odata = OData.new_instance()
    handler = odata.create_handler(odata.create_service_metadata(_Model(field_map)))
    handler.register(InMemoryProcessor(InMemoryDataStore()))
    return httpx.ASGITransport(app=ODataASGIApp(AsciiHeaders(handler)))  # pyright: ignore[reportArgumentType]


def _exists(sent: bytes) -> httpx.Response:
    number = json.loads(sent)["No"]
    message = f"The Customer already exists. Identification fields and values: No.='{number}'"
    return httpx.Response(
        400, json={"error": {"code": "Internal_EntityWithSameKeyExists", "message": message}}
    )


def nav_peer(field_map: FieldMap, *companies: str) -> httpx.AsyncClient:
    """A client of fresh, empty servers for these companies."""
    return httpx.AsyncClient(base_url=f"http://peer{INSTANCE}", transport=_Companies(field_map, companies))
