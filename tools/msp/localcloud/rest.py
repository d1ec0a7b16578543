"""Google's REST APIs, built from the table of methods: JSON in, a handler, JSON out."""

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf import field_mask_pb2, json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from msp.localcloud import disk, field_masks, newer_fields, rest_answers, strict_json
from msp.localcloud.http_faults import with_faults
from msp.localcloud.http_patience import StalledError
from msp.localcloud.intake import Intake
from msp.localcloud.json_enums import with_known_enums
from msp.localcloud.methods import AnyMessage, Binding, Method, Router
from msp.localcloud.request_context import RequestContext
from msp.localcloud.status import ApiError, Code, invalid

_SYSTEM_PARAMETERS = frozenset(
    (
        *(
            "$.xgafv",
            "$alt",
            "$fields",
            "$httpHeaders",
            "$prettyPrint",
            "access_token",
            "alt",
            "callback",
            "fields",
            "key",
        ),
        *("oauth_token", "pp", "prettyPrint", "quotaUser", "trace", "uploadType", "upload_protocol", "userProject"),
    )
)
"""Query parameters that belong to no request field (https://cloud.google.com/apis/docs/system-parameters)."""

_MOST_BODY_BYTES = 10 * 1024 * 1024


class RestApi:
    """An ASGI application that serves the methods of a table over HTTP.

    Args:
        methods: The table.
        intake: Asked at each call.
    """

    def __init__(self, methods: Sequence[Method], intake: Intake) -> None:
        self._router = Router(methods)
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        raw_path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        found = self._router.find(scope["method"], raw_path)
        if found is None:
            problem = ApiError(Code.NOT_FOUND, f"Method not found: {scope['method']} {scope['path']}")
            await error_response(problem)(scope, receive, send)
            return
        method, binding, path_fields = found
        try:
            self._intake.admit(RequestContext.of(method.full_name, path_fields.values()))
        except ApiError as refusal:
            await error_response(refusal)(scope, receive, send)
            return
        app = self._endpoint(method, binding, path_fields)
        await with_faults(self._intake.faults, method.full_name, app)(scope, receive, send)

    def _endpoint(self, method: Method, binding: Binding, path_fields: Mapping[str, str]) -> ASGIApp:
        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                if method.handler is None:
                    raise unimplemented(method)
                http_request = Request(scope, receive)
                body = await _read(http_request)
                query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
                request = to_message(method.request_type, binding, path_fields, query, body)
                wanted = field_masks.parse(_mask(http_request))
                field_masks.check(wanted, method.response_type)
                answer = method.handler(request)
                message = field_masks.select(await answer if inspect.isawaitable(answer) else answer, wanted)
                response = rest_answers.answer(message, http_request)
            except ApiError as error:
                response = error_response(error)
            await response(scope, receive, send)

        return endpoint


def unimplemented(method: Method) -> ApiError:
    """What a method answers that the real service has and the local cloud does not."""
    return ApiError(Code.UNIMPLEMENTED, f"The local cloud does not emulate {method.full_name}")


def error_response(error: ApiError) -> Response:
    """An error as Google's REST APIs send it."""
    body = json.dumps(error.to_json(), indent=2)
    return Response(body, error.http_status, media_type=rest_answers.MEDIA_TYPE)


def failure_response(error: Exception) -> Response:
    """The answer when it is not the request that is wrong: a full disk, a client that stalled, a mistake here."""
    if disk.is_full(error):
        return error_response(ApiError(Code.RESOURCE_EXHAUSTED, disk.FULL))
    if isinstance(error, StalledError):
        body = {"error": {"code": 408, "message": str(error), "status": Code.DEADLINE_EXCEEDED.name}}
        return JSONResponse(body, 408, headers={"Connection": "close"})
    return error_response(ApiError(Code.INTERNAL, f"Internal error: {type(error).__name__}"))


def to_message(
    request_type: type[Message],
    binding: Binding,
    path_fields: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    body: bytes,
) -> Message:
    """The request message of an HTTP request, by the rules of google/api/http.proto.

    Args:
        request_type: The message's class.
        binding: Says which field the body holds.
        path_fields: The fields in the path; they win over the same in the body.
        query: The query parameters, in order, a repeated one as often as it stands there.
        body: The body as sent.

    Raises:
        ApiError: `INVALID_ARGUMENT`, in the words of the real API: no JSON, an unknown name, a wrong type.
    """
    request = request_type()
    if binding.body:
        value = _parse_json(body)
        target: AnyMessage = request if binding.body == "*" else getattr(request, binding.body)
        if binding.body != "*":
            target.SetInParent()
        at = "" if binding.body == "*" else _camel(binding.body)
        try:
            newer_fields.parse(with_known_enums(value, target.DESCRIPTOR), target, at)
        except json_format.ParseError as error:
            raise ApiError(Code.INVALID_ARGUMENT, _invalid_json(str(error), at)) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise ApiError(Code.INVALID_ARGUMENT, f"Invalid JSON payload received. {error}") from None
    elif body.strip() not in {b"", b"{}"}:
        raise ApiError(Code.INVALID_ARGUMENT, "Invalid JSON payload received. This method takes no request body.")
    for name, text in query:
        if name not in _SYSTEM_PARAMETERS:
            _set(request, name, text, in_query=True)
    for name, text in path_fields.items():
        _set(request, name, text, in_query=False)
    return request


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY_BYTES:
            raise ApiError(Code.INVALID_ARGUMENT, f"Request payload size exceeds the limit: {_MOST_BODY_BYTES} bytes.")
    return bytes(body)


def _mask(request: Request) -> str:
    given = next(filter(None, map(request.query_params.get, field_masks.PARAMETERS)), None)
    return str(given or request.headers.get(field_masks.HEADER, ""))


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise ApiError(Code.INVALID_ARGUMENT, f"Invalid JSON payload received. {error}") from None
    if not isinstance(value, dict):
        raise ApiError(Code.INVALID_ARGUMENT, "Invalid JSON payload received. Root element must be a message.")
    return value


def _invalid_json(problem: str, at: str) -> str:
    unknown = re.search(r'has no field named "([^"]*)"(?: at "([^"]*)")?', problem)
    if unknown is None:
        return f"Invalid JSON payload received. {problem}"
    name, inner = unknown.groups()
    # protobuf's path begins with the message's own name.
    path = ".".join(filter(None, [at, *(inner or "").split(".")[1:]]))
    where = f" at '{path}'" if path else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'


def _set(message: Message, path: str, text: str, *, in_query: bool) -> None:
    """Sets the field at a dotted path (`delivery_pipeline.name`, `updateMask`) from its text."""
    *parents, last = path.split(".")
    for parent in parents:
        field = _field(message.DESCRIPTOR, parent, path)
        if field.message_type is None or field.is_repeated or field.message_type.GetOptions().map_entry:
            raise _unknown(path)
        message = getattr(message, field.name)
    field = _field(message.DESCRIPTOR, last, path)
    if field.message_type is field_mask_pb2.FieldMask.DESCRIPTOR:
        getattr(message, field.name).paths.extend(_snake(part.strip()) for part in text.split(",") if part.strip())
        return
    if field.message_type is not None and (
        field.message_type.GetOptions().map_entry or not field.message_type.full_name.startswith("google.protobuf.")
    ):
        raise _unknown(path)
    value: Any = text
    if field.type == FieldDescriptor.TYPE_BOOL:
        value = _boolean(path, text)
    elif field.type == FieldDescriptor.TYPE_BYTES and not in_query:
        value = text.encode()
    try:
        # A repeated parameter adds to what is there, and ParseDict takes a list for the whole of it.
        whole = [*getattr(message, field.name), value] if field.is_repeated else value
        json_format.ParseDict({field.name: whole}, message)
    except (json_format.ParseError, ValueError, TypeError) as error:
        raise invalid(path, f"Invalid value {text!r}: {error}") from None


def _field(descriptor: Any, name: str, path: str) -> Any:  # noqa: ANN401 (upb's own classes)
    field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
    if field is None:
        raise _unknown(path)
    return field


def _unknown(path: str) -> ApiError:
    message = f'Invalid JSON payload received. Unknown name "{path}": Cannot bind query parameter.'
    return ApiError(Code.INVALID_ARGUMENT, f"{message} Field '{path}' could not be found in request message.")


def _boolean(path: str, text: str) -> bool:
    # gcloud sends Python's spelling, `allowMissing=True`.
    known = {"true": True, "1": True, "": True, "false": False, "0": False}
    if text.lower() not in known:
        raise invalid(path, f"Invalid value {text!r}: not a boolean")
    return known[text.lower()]


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
