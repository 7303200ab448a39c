"""The OpenAPI 3.1 document, made of the table: what it says is what is served and what requests are checked against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from web.api import limits
from web.api.errors import Failure
from web.api.operations import OPERATIONS, Operation, is_response

_REF = "#/components/schemas/{name}"
_JSON = "application/json"

_ABOUT = """\
The HTTP API of Stoker's console. `/v3` has the paths and shapes of Confluent's REST Proxy v3, `/api` has what that lacks:
reading records, search, tail, SQL, history, and changes with preview, audit log and undo.

Every path is also below `/clusters/NAME`, for the cluster of that context; without it, it is the cluster that the console
was started on. Changes go through one door: read-only mode refuses them (403), and each is written to the audit log.

Whole numbers beyond 2^53 - 1 are strings in `/api` (JavaScript would round them) and numbers in `/v3`. Bytes are text
where they are text; what could act on a screen is written out. Unknown fields and parameters are refused by name. All
sizes are bounded; `x-limits` has the bounds, in records, rows, characters, bytes and milliseconds.

`/v3` answers errors as Confluent does, with `error_code` and `message`. The embedded cluster has no authorizer, so that
requests about ACLs are refused (400, SECURITY_DISABLED). Not there: the consumer instances of v2; `GET /api/records` reads.
"""

_TAGS = {
    "cluster": "The cluster, its brokers, topics and groups as the console sees them.",
    "records": "Reading and writing records.",
    "sql": "SQL over topics and the cluster's own tables.",
    "history": "Every figure with its past.",
    "changes": "Changes: plan, execute, undo, and the log of all of them.",
    "service": "The console itself.",
    "v3": "Confluent REST Proxy v3.",
}

_USUAL = {
    400: "The request makes no sense, or Kafka refused it.",
    404: "There is no such thing.",
    409: "As things are, it cannot be done.",
    503: "The cluster cannot be reached, or may be asked again.",
}


def document(operations: Sequence[Operation] = OPERATIONS) -> dict[str, Any]:
    """The whole document."""
    answers = [each.answer for each in operations if each.answer is not None and not is_response(each.answer)]
    fields = {each: {f.encode_name: f for f in msgspec.structs.fields(each.asked)} for each in operations}
    media = [about for each in operations for about in each.media.values() if not isinstance(about, str)]
    asked = [f.type for each in operations for f in fields[each].values()]
    asked += [each.streamed for each in operations if each.streamed is not None]
    _, components = msgspec.json.schema_components([*answers, *asked, *media, Failure], ref_template=_REF)
    # A name that stands for two types would have a longer one here, and not where it is referred to.
    assert all("." not in name for name in components), [name for name in components if "." in name]
    own = [
        each.answer
        for each in operations
        if not each.is_v3 and each.answer is not None and not is_response(each.answer)
    ]
    for name in _reachable([_schema(each) for each in own], components):
        components[name] = _with_exact_integers(components[name])
    components["Integer"] = {
        "description": "A whole number; a string where a double could not hold it.",
        "oneOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}],
    }
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, fields[each])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stoker", "version": _version(), "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [
            {"url": "/", "description": "The cluster that the console was started on."},
            {
                "url": "/clusters/{cluster}",
                "description": "Another cluster, by the name of its context.",
                "variables": {"cluster": {"default": "local"}},
            },
        ],
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items()))},
        "x-limits": limits.ALL,
    }


def _version() -> str:
    try:
        return version("stoker")
    except PackageNotFoundError:
        return "0.0.0"


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return schema


def _operation(each: Operation, fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": each.name,
        "tags": [each.tag],
        "summary": each.summary,
        "responses": _responses(each),
    }
    if each.description:
        found["description"] = each.description
    parameters = [_parameter(each, name, field) for name, field in fields.items() if name != "body"]
    if parameters:
        found["parameters"] = parameters
    if each.streamed is not None or "body" in fields:
        kind, size = (fields["body"].type, "") if each.streamed is None else (each.streamed, " each")
        found["requestBody"] = {
            "required": True,
            "description": ("Any number of these, one after the other. " if size else "")
            + f"At most {each.body_bytes_max:,} bytes{size}.",
            "content": {_JSON: {"schema": _schema(kind)}},
        }
    if each.is_changing:
        found["x-changes"] = True
    return found


def _parameter(each: Operation, name: str, field: Any) -> dict[str, Any]:
    schema = _schema(field.type)
    if "anyOf" in schema:
        # None stands for "not given".
        kinds = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
        assert len(kinds) == 1, (each.path, name)
        schema |= kinds[0]
    described: dict[str, Any] = {"name": name}
    if name in each.path_names:
        described |= {"in": "path", "required": True}
        if schema.get("type") == "string":
            schema.setdefault("minLength", 1)
    else:
        described |= {"in": "query", "required": field.required}
        if field.default not in (msgspec.NODEFAULT, None, ()):
            schema["default"] = msgspec.to_builtins(field.default)
        if schema.get("type") == "array":
            described |= {"style": "form", "explode": True}
    if "description" in schema:
        described["description"] = schema.pop("description")
    return {**described, "schema": schema}


def _responses(each: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": each.summary + "."}
    content: dict[str, Any] = {media: {"schema": _media_schema(media, about)} for media, about in each.media.items()}
    if each.answer is not None and not is_response(each.answer):
        content[_JSON] = {"schema": _schema(each.answer)}
    if content:
        good["content"] = content
    responses = {str(each.status): good}
    for status, words in each.also.items():
        responses[str(status)] = {**good, "description": words} if status != 204 else {"description": words}
    statuses = dict(_USUAL)
    if each.is_changing:
        statuses[403] = "Read-only mode, or not authorized."
    if each.is_v3:
        statuses |= {500: "Kafka could not do it just now and may be asked again (50003)."}
    if each.streamed is not None or "body" in {name.encode_name for name in msgspec.structs.fields(each.asked)}:
        statuses |= {413: "The body is too large.", 415: "The body is not application/json."}
        if each.is_v3:
            statuses |= {422: "There is nothing in the body."}
    statuses |= each.statuses
    failure = {"content": {_JSON: {"schema": _schema(Failure)}}}
    if each.status >= 400:
        good |= failure
    for status, words in sorted(statuses.items()):
        responses.setdefault(str(status), {"description": words, **failure})
    responses["default"] = {"description": "Anything else that went wrong.", **failure}
    return responses


def _media_schema(media: str, about: Any) -> dict[str, Any]:
    """Of what is no plain JSON answer; of streams there is only a description."""
    if not isinstance(about, str):
        return _schema(about)
    if media.startswith("text/") and media != "text/event-stream":
        return {"type": "string", "description": about}
    return {"description": about}


def _reachable(schema: Any, components: dict[str, Any]) -> Iterable[str]:
    """Names of the components that a schema stands on."""
    seen: dict[str, None] = {}
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            name = each.get("$ref", "").rpartition("/")[2] if isinstance(each.get("$ref"), str) else ""
            if name and name not in seen:
                seen[name] = None
                waiting.append(components[name])
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return seen


def _with_exact_integers(schema: Any) -> Any:
    """As `answers.to_json` writes them; those with a bound are never that large."""
    if isinstance(schema, dict):
        if schema.get("type") == "integer" and "maximum" not in schema:
            rest = {name: value for name, value in schema.items() if name not in ("type", "minimum")}
            return {**rest, "$ref": _REF.format(name="Integer")}
        return {
            name: _with_exact_integers(value) if name not in ("default", "enum") else value
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_with_exact_integers(each) for each in schema]
    return schema
