"""The app in Microsoft's worker library: indexing (with all its checks) and invocations.

In: an app folder; per invocation the inputs and the trigger metadata in the library's wire-neutral form
(`Datum`). Out: the indexed functions; per invocation the return value. Refused: whatever the library refuses,
in its words. The library keeps its registry in module globals, so a process runs one app.
"""

import asyncio
import json
import logging
import os
import secrets
import sys
import time
import types
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure_functions_runtime as runtime
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native

_log = logging.getLogger(__name__)


class IndexingError(Exception):
    """The worker library refused the app; the text is the library's."""


class InvocationError(Exception):
    """The function raised, or its arguments or its result could not be converted."""


@dataclass(frozen=True, slots=True)
class Function:
    """An indexed function: its trigger as the library gives it, and the types of its other bindings."""

    name: str
    id: str
    trigger: Mapping[str, Any]
    other_bindings: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type of the trigger, for example `httpTrigger`."""
        return self.trigger["type"]


class _Bag:
    """A protobuf message as far as the library looks at one: attributes given by name."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def _protos() -> types.SimpleNamespace:
    """What the library expects of the compiled protobuf module when invocations go the native way."""
    messages = (
        "WorkerInitResponse",
        "WorkerMetadata",
        "RpcException",
        "RpcFunctionMetadata",
        "RpcRetryOptions",
    )
    replies = ("FunctionMetadataResponse", "FunctionLoadResponse")
    status = type("StatusResult", (_Bag,), {"Failure": 0, "Success": 1, "Cancelled": 2})
    binding = type("BindingInfo", (_Bag,), {"undefined": 0, "in": 0, "out": 1, "inout": 2})
    plain = {name: type(name, (_Bag,), {}) for name in (*messages, *replies)}
    return types.SimpleNamespace(StatusResult=status, BindingInfo=binding, **plain)


class Worker:
    """Runs the functions of one app folder; `running` maps ids of running invocations to function names."""

    def __init__(self, functions: tuple[Function, ...], timeout: float | None) -> None:
        self.functions = functions
        self.running: dict[str, str] = {}
        self._timeout = timeout

    @classmethod
    async def load(cls, app: Path, function_timeout: float | None) -> "Worker":
        """Index the app; raise `IndexingError` if the library refuses it. The timeout is in seconds."""
        if not (app / "function_app.py").is_file():
            raise IndexingError(f"{app} has no function_app.py")
        sys.path.insert(0, str(app))
        os.chdir(app)
        runtime.start_threadpool_executor()
        init = _Bag(capabilities={}, function_app_directory=str(app))
        request = _Bag(
            request=_Bag(worker_init_request=init), properties={"protos": _protos(), "host": "127.0.0.1"}
        )
        response = await runtime.worker_init_request(request)
        if response.result.status != 1:
            raise IndexingError(response.result.exception.message)
        metadata = await runtime.functions_metadata_request(None)
        return cls(
            tuple(_function(found) for found in metadata.function_metadata_results or ()), function_timeout
        )

    def function_of(self, invocation_id: str) -> str | None:
        """The name of the function that runs under this invocation id."""
        return self.running.get(invocation_id)

    async def invoke(
        self,
        function: Function,
        trigger: Datum,
        metadata: Mapping[str, Datum],
        *,
        trace_parent: str | None = None,
        reason: str,
    ) -> Datum | None:
        """Run the function once; return its result, raise `InvocationError` if it fails or takes too long.

        `reason` says in the log why it runs. Past the host's functionTimeout an `async def` is cancelled;
        a thread cannot be, its result is then ignored (the real host restarts the worker process).
        """
        invocation_id, started = str(uuid.uuid4()), time.perf_counter()
        self.running[invocation_id] = function.name
        about = {"function": function.name, "invocation_id": invocation_id}
        _log.debug("invocation started", extra={**about, "event": "invocation_started", "reason": reason})
        try:
            result = await self._call(
                invocation_id, function, trigger, metadata, trace_parent or new_trace_parent()
            )
        except InvocationError as error:
            _log.error(
                "invocation failed", extra={**about, "event": "invocation_failed", "error": str(error)}
            )
            raise
        finally:
            del self.running[invocation_id]
        milliseconds = round(1000 * (time.perf_counter() - started), 3)
        finished = {**about, "event": "invocation_finished", "duration_ms": milliseconds}
        _log.debug("invocation finished", extra=finished)
        return result

    async def _call(
        self,
        invocation_id: str,
        function: Function,
        trigger: Datum,
        metadata: Mapping[str, Datum],
        trace_parent: str,
    ) -> Datum | None:
        inputs = [(function.trigger["name"], trigger)]
        try:
            async with asyncio.timeout(self._timeout):
                ok, result, _, error, _ = await invocation_request_native(
                    invocation_id, function.id, inputs, dict(metadata), trace_parent=trace_parent
                )
        except TimeoutError:
            raise InvocationError(f"took longer than functionTimeout, {self._timeout:g} s") from None
        if not ok:
            raise InvocationError(error)
        return result

    def close(self) -> None:
        """Wait for the functions in threads and end the threads."""
        runtime.stop_threadpool_executor()


def new_trace_parent() -> str:
    """A W3C traceparent for an invocation that nobody's trace started."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _function(found: Any) -> Function:
    bindings = [json.loads(binding) for binding in found.raw_bindings]
    triggers = [binding for binding in bindings if binding["type"].endswith("Trigger")]
    if len(triggers) != 1:
        raise IndexingError(f"function {found.name} must have exactly one trigger, it has {len(triggers)}")
    others = tuple(binding["type"] for binding in bindings if binding is not triggers[0])
    return Function(found.name, found.function_id, triggers[0], others)
