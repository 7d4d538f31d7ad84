"""The format of an OData batch: bytes of a multipart/mixed body enter, calls and changesets leave, and back.

OData Version 4.0 Part 1, section 11.7. A body whose boundaries, part headers or request lines cannot be read
raises BatchError. Nothing is executed here.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from local.dynamics.calls import Answer, Call, split_target

_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)"?', re.IGNORECASE)


class BatchError(Exception):
    """A batch body that cannot be read."""


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch with its `Content-ID`, if any."""

    call: Call
    content_id: str | None


type Item = Part | list[Part]  # a list is a changeset


def read_batch(outer: Call) -> list[Item]:
    """The requests and changesets of a batch in their order."""
    return [_item(headers, body, outer) for headers, body in _parts(outer.body, _boundary(outer.headers))]


def _item(headers: dict[str, str], body: bytes, outer: Call) -> Item:
    if headers.get("content-type", "").startswith("multipart/mixed"):
        inner = _parts(body, _boundary(headers))
        return [_request(one_headers, one_body, outer) for one_headers, one_body in inner]
    return _request(headers, body, outer)


def _boundary(headers: Mapping[str, str]) -> bytes:
    found = _BOUNDARY.search(headers.get("content-type", ""))
    if found is None:
        raise BatchError("The 'Content-Type' header is missing a boundary parameter.")
    return found[1].encode()


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    pieces = re.split(rb"(?:^|\r\n)--" + re.escape(boundary), body)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BatchError("The batch has no closing boundary; all lines must end with CRLF.")
    for piece in pieces[1:-1]:
        yield _headers(piece.removeprefix(b"\r\n"))


def _headers(text: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = text.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, body


def _request(part: dict[str, str], text: bytes, outer: Call) -> Part:
    line, _, rest = text.lstrip(b"\r\n").partition(b"\r\n")
    words = line.decode("utf-8", "replace").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        raise BatchError(f"Invalid request line '{line.decode('utf-8', 'replace')}' in a batch part.")
    headers, body = ({}, rest.removeprefix(b"\r\n")) if rest.startswith(b"\r\n") else _headers(rest)
    path, query = split_target(_below_root(words[1], outer.root))
    inherited = {"authorization": outer.headers.get("authorization", "")}
    return Part(
        Call(words[0], path, query, {**inherited, **headers}, body, outer.root), part.get("content-id")
    )


def _below_root(target: str, root: str) -> str:
    """A target may be absolute, start at the host, or start at the service root."""
    target = target.removeprefix(root)
    return target.removeprefix(urlsplit(root).path).lstrip("/")


type Reply = tuple[Answer, str | None]


def write_batch(replies: Sequence[Reply | list[Reply]]) -> tuple[bytes, str]:
    """The multipart body of the answers, and its content type."""
    boundary = f"batchresponse_{uuid.uuid4()}"
    pieces = [_changeset(reply) if isinstance(reply, list) else _response(*reply) for reply in replies]
    return _join(pieces, boundary), f"multipart/mixed; boundary={boundary}"


def _changeset(replies: list[Reply]) -> bytes:
    boundary = f"changesetresponse_{uuid.uuid4()}"
    body = _join([_response(*reply) for reply in replies], boundary)
    return f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode() + body


def _join(pieces: list[bytes], boundary: str) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + piece + b"\r\n" for piece in pieces) + mark + b"--\r\n"


def _response(answer: Answer, content_id: str | None) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    phrase = HTTPStatus(answer.status).phrase if answer.status in HTTPStatus else ""
    lines += ["", f"HTTP/1.1 {answer.status} {phrase}"]
    headers = dict(answer.headers)
    if (content_type := answer.content_type()) is not None:
        headers["Content-Type"] = content_type
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.payload()
