"""gRPC, built from the table of methods."""

import asyncio
import inspect
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote

import grpc
import grpc.aio
from google.protobuf.message import Message

from msp.localcloud import disk, field_masks
from msp.localcloud.caller import CALLER, Caller
from msp.localcloud.faults import Fault
from msp.localcloud.intake import Intake
from msp.localcloud.listed import Listed
from msp.localcloud.methods import Method, check_names, names
from msp.localcloud.request_context import RequestContext
from msp.localcloud.rest import unimplemented
from msp.localcloud.status import ApiError, Code

_MOST_MESSAGE_BYTES = 64 * 1024 * 1024
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class PortTakenError(OSError):
    """Another program listens on the port."""


def serve(methods: Sequence[Method], intake: Intake, host: str, port: int) -> tuple[grpc.aio.Server, int]:
    """Makes a server for the table's methods; the caller starts it and stops it.

    Args:
        methods: The table.
        intake: Asked at each call.
        host: The address to listen on.
        port: The port; 0 picks a free one.

    Returns:
        The server and its port.

    Raises:
        PortTakenError: Another program listens on the port.
    """
    # Without this option, Linux lets two servers share a port, and each gets half of the calls.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _MOST_MESSAGE_BYTES)]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((_Handlers(methods, intake),))
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if bound == 0:
        raise PortTakenError(f"gRPC port {port} on {host} is taken by another program")
    return server, bound


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg] # not subscriptable at run time
    def __init__(self, methods: Sequence[Method], intake: Intake) -> None:
        self._handlers = {f"/{method.full_name}": _handler(method, intake) for method in methods}

    def service(self, handler_call_details: Any) -> "grpc.RpcMethodHandler[Any, Any] | None":  # noqa: ANN401
        return self._handlers.get(handler_call_details.method)


def _handler(method: Method, intake: Intake) -> "grpc.RpcMethodHandler[Any, Any]":
    async def call(request: Message, context: Any) -> Message | Listed:  # noqa: ANN401 (aio's context; the stubs have none)
        CALLER.set(_caller(context))
        peer = context.peer()
        intake.traffic.call_began(peer)
        try:
            intake.admit(RequestContext.of(method.full_name, names(method, request)))
            fault = intake.faults.take(method.full_name)
            if fault is not None:
                await _before(fault)
            if method.handler is None:
                raise unimplemented(method)
            check_names(method, request)
            wanted = field_masks.parse(_metadata(context).get(field_masks.HEADER, ""))
            field_masks.check(wanted, method.response_type)
            answer = method.handler(request)
            message: Message | Listed = field_masks.select(
                await answer if inspect.isawaitable(answer) else answer, wanted
            )
            if fault is not None and (fault.lose_response or fault.truncate_body is not None):
                raise ApiError(Code.UNAVAILABLE, "Socket closed")  # noqa: TRY301
        except ApiError as error:
            details = (("grpc-status-details-bin", error.to_status().SerializeToString()),) if error.details else ()
            await context.abort(_CODES[error.code], error.message, details)
            raise
        except (OSError, sqlite3.Error) as error:
            if disk.is_full(error):
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, disk.FULL)
            raise
        finally:
            intake.traffic.call_ended(peer)
        return message

    return grpc.unary_unary_rpc_method_handler(
        cast("Callable[[Any, Any], Awaitable[Any]]", call),
        request_deserializer=method.request_type.FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )


def _metadata(context: Any) -> dict[str, str]:  # noqa: ANN401 (as above)
    # A binary value, whose name ends with `-bin`, is no text.
    return {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}


def _caller(context: Any) -> Caller:  # noqa: ANN401 (as above)
    # `ipv4:127.0.0.1:4711`, `ipv6:%5B::1%5D:4711`
    _, _, address = unquote(context.peer()).partition(":")
    return Caller.of(_metadata(context), address.rpartition(":")[0].strip("[]"))


async def _before(fault: Fault) -> None:
    if fault.latency_seconds:
        await asyncio.sleep(fault.latency_seconds)
    if fault.drop_connection:
        # A gRPC server can't cut one call's connection; this is how a client sees it.
        raise ApiError(Code.UNAVAILABLE, "Socket closed")
    if fault.code is not None:
        raise ApiError(Code[fault.code], fault.message)
    if fault.http_status is not None:
        nearest = {code.http_status: code for code in reversed(Code)}
        raise ApiError(nearest.get(fault.http_status, Code.UNAVAILABLE), fault.message)
