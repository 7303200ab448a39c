"""Requests read and checked against the table: what is unknown, missing or of the wrong kind is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from web.api.errors import ApiError, bad_request
from web.api.operations import Asked, Operation
from web.api.refused import bare, refused, shown
from web.api.v3.errors import no_payload

_INTEGER = re.compile(r"-?[0-9]{1,30}")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")


async def read_asked(request: Request, operation: Operation, path: Mapping[str, str]) -> Asked:
    """What the request says. Raises ApiError."""
    fields = {each.encode_name: each for each in msgspec.structs.fields(operation.asked)}
    values: dict[str, Any] = {name: _parse(name, text, fields[name].type) for name, text in path.items()}
    taken = operation.path_names
    known = [name for name in fields if name not in taken and name != "body"]
    for name in dict.fromkeys(request.query_params.keys()):
        if name not in known:
            allowed = f"Known here: {', '.join(known)}." if known else "There are none here."
            raise bad_request(f"unknown parameter {shown(name)}", allowed)
        values[name] = _parse_all(name, request.query_params.getlist(name), fields[name].type)
    if "body" in fields:
        values["body"] = await _read_body(request, operation, fields["body"].type)
    try:
        return msgspec.convert(values, type=operation.asked)
    except msgspec.ValidationError as error:
        raise refused(error, operation.asked) from error


def _parse_all(name: str, texts: list[str], kind: Any) -> Any:
    info = bare(msgspec.inspect.type_info(kind))
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return [_parse_one(name, text, bare(info.item_type)) for text in texts]
    if len(texts) > 1:
        raise bad_request(f"parameter {name} is given {len(texts)} times")
    return _parse_one(name, texts[0], info)


def _parse(name: str, text: str, kind: Any) -> Any:
    return _parse_one(name, text, bare(msgspec.inspect.type_info(kind)))


def _parse_one(name: str, text: str, info: Any) -> Any:
    match info:
        case msgspec.inspect.IntType():
            if not _INTEGER.fullmatch(text):
                raise bad_request(f"{name}: {shown(text)} is no whole number")
            return int(text)
        case msgspec.inspect.FloatType():
            if not _NUMBER.fullmatch(text):
                raise bad_request(f"{name}: {shown(text)} is no number")
            return float(text)
        case msgspec.inspect.BoolType():
            if text not in ("true", "false"):
                raise bad_request(f"{name}: {shown(text)} is neither true nor false")
            return text == "true"
    return text


def check_content(request: Request) -> None:
    """Raises ApiError for bodies that are no JSON, or packed."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise ApiError(415, "the body must be application/json", hint="Send Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ApiError(415, "the body must not be packed", hint="Send it without Content-Encoding.")


async def _read_body(request: Request, operation: Operation, kind: Any) -> Any:
    check_content(request)
    data = await bounded_body(request, operation.body_bytes_max)
    if operation.is_v3 and not data.strip():
        raise no_payload()
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise refused(error, kind, "body") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"the body is not JSON: {error}") from error


async def bounded_body(request: Request, bytes_max: int) -> bytes:
    """The body, of at most so many bytes. Raises ApiError."""
    announced = request.headers.get("content-length", "")
    too_large = ApiError(413, f"the body has more than {bytes_max:,} bytes", hint="Send less at once.")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise too_large
    parts: list[bytes] = []
    total = 0
    try:
        async for part in request.stream():
            total += len(part)
            if total > bytes_max:
                raise too_large
            parts.append(part)
    except ClientDisconnect as error:
        raise bad_request("the body ended early") from error
    return b"".join(parts)
