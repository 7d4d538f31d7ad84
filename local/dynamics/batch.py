"""`$batch`: one call with many requests enters, one answer with all of theirs leaves.

Requests run in order; a changeset is one transaction, of which a failure leaves nothing and answers once.
References to a Content-ID (`$1`) inside a changeset become the address of the row that it made. Limits and
what happens after the first failure differ by service, see `Batching`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from local.dynamics.calls import Answer, Call, split_target
from local.dynamics.multipart import BatchError, Item, Part, Reply, read_batch, write_batch


class _RolledBack(Exception):  # noqa: N818 - a signal inside this module, not an error
    """Takes a changeset back; `reply` is what the client gets for it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Batching:
    """A service's way with batches.

    `stop_at_failure`: without `Prefer: odata.continue-on-error` the first failure ends the batch and its
    status becomes that of the whole; otherwise the whole is always 200. `need_content_id`: every part of a
    changeset must have one.
    """

    handle: Callable[[Call], Answer]
    transaction: Callable[[], AbstractContextManager[None]]
    refuse: Callable[[str], Answer]
    limit: int
    stop_at_failure: bool
    need_content_id: bool

    def run(self, call: Call) -> Answer:
        """Answer a `$batch` call."""
        try:
            items = read_batch(call)
            self._check(items)
        except BatchError as error:
            return self.refuse(str(error))
        go_on = not self.stop_at_failure or "odata.continue-on-error" in call.preferences()
        replies: list[Reply | list[Reply]] = []
        status = 200
        for item in items:
            reply = self._changeset(item) if isinstance(item, list) else self._single(item)
            replies.append(reply)
            if not isinstance(reply, list) and reply[0].status >= 400 and not go_on:
                status = reply[0].status
                break
        body, content_type = write_batch(replies)
        return Answer(status, body, {"Content-Type": content_type})

    def _check(self, items: list[Item]) -> None:
        number = sum(len(item) if isinstance(item, list) else 1 for item in items)
        if number > self.limit:
            raise BatchError(f"The batch has {number} operations, more than the limit of {self.limit}.")
        for item in items:
            for part in item if isinstance(item, list) else ():
                self._check_part(part)

    def _check_part(self, part: Part) -> None:
        if part.call.method == "GET":
            raise BatchError("A change set must not contain query operations.")
        if self.need_content_id and part.content_id is None:
            raise BatchError("Content-ID header not present in a part of the change set.")

    def _single(self, part: Part) -> Reply:
        if part.call.path.startswith("$batch"):
            return self.refuse("A batch must not contain another batch."), part.content_id
        return self.handle(part.call), part.content_id

    def _changeset(self, parts: list[Part]) -> list[Reply] | Reply:
        replies: list[Reply] = []
        made: dict[str, str] = {}
        try:
            with self.transaction():
                for part in parts:
                    answer = self.handle(_resolved(part.call, made))
                    if answer.status >= 400:
                        raise _RolledBack((answer, part.content_id))
                    replies.append((answer, part.content_id))
                    address = answer.headers.get("OData-EntityId") or answer.headers.get("Location")
                    if part.content_id and address:
                        made[part.content_id] = address
        except _RolledBack as failed:
            return failed.reply
        return replies


def _resolved(call: Call, made: dict[str, str]) -> Call:
    """The call with references to earlier parts of its changeset replaced by addresses."""
    path, query, body = call.path, call.query, call.body
    for content_id in sorted(made, key=len, reverse=True):
        address, mark = made[content_id], f"${content_id}"
        if path == mark or path.startswith(mark + "/"):
            path, query = split_target(address.removeprefix(call.root).lstrip("/") + path[len(mark) :])
            query = {**call.query, **query}
        body = body.replace(f'"{mark}"'.encode(), f'"{address}"'.encode())
    return replace(call, path=path, query=query, body=body)
