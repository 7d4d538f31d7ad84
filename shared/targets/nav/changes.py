"""Sends changes of a row with its version, as far as this server demands it.

A change needs the header If-Match. Whether `*` is accepted is documented for Business Central only, so the
row's own version is the second way. V3 is documented with MERGE and was observed with PATCH
(github.com/ajkauffmann/DynamicsNAV, codeunit 72001). What a server was found to need is remembered.
"""

import httpx

from shared.model.faults import System, TransientFault
from shared.targets.nav.errors import Meaning, good_content, read_error
from shared.targets.nav.wire import Wire
from shared.web.odata import ODataClient


class Changes:
    """The way in which one NAV takes changes."""

    def __init__(self, client: ODataClient, wire: Wire) -> None:
        self._client = client
        self._wire = wire
        self._any_version = True
        self._method = "PATCH"

    async def send(self, path: str, body: bytes) -> httpx.Response:
        """Return the answer to a change; after a conflict it is sent again, with the version read anew."""
        if self._any_version:
            response = await self._send(path, body, "*")
            error = None if response.is_success else read_error(response)
            if error is None or not error.may_be_about_version:
                return response
            again = await self._with_version(path, body)
            self._any_version = not (again.is_success and error.meaning is not Meaning.CHANGED)
            return again
        response = await self._with_version(path, body)
        conflict = not response.is_success and read_error(response).meaning is Meaning.CHANGED
        return await self._with_version(path, body) if conflict else response

    async def _with_version(self, path: str, body: bytes) -> httpx.Response:
        """Read the row's version and send the change; the answer to the read if that finds no row."""
        response = await self._client.get(path, self._wire.headers)
        if response.status_code != 200:
            return response
        tag = self._wire.tag(good_content(response))
        if tag is None:
            raise TransientFault(System.NAV, "answered a customer without its version")
        return await self._send(path, body, tag)

    async def _send(self, path: str, body: bytes, tag: str) -> httpx.Response:
        headers = {**self._wire.change_headers, "If-Match": tag}
        response = await self._client.write(self._method, path, body, headers)
        if response.status_code in {405, 501} and self._wire.protocol == "v3" and self._method == "PATCH":
            self._method = "MERGE"
            response = await self._client.write(self._method, path, body, headers)
        return response
