"""Mass assignment: no changing request takes a field that is not its own; what nobody showed is not changed."""

import pytest

from console.changes.kinds import KINDS
from tests.unit.web.api.served import the_document

EXTRA = "is_admin"


def bodies():
    for path, methods in the_document()["paths"].items():
        for method, each in methods.items():
            if "requestBody" in each:
                schema = each["requestBody"]["content"]["application/json"]["schema"]
                yield pytest.param(schema, id=f"{method.upper()} {path}")


def resolved(schema):
    while "$ref" in schema:
        schema = the_document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def objects(schema, seen=()):
    """All objects in the schema."""
    if schema.get("$ref") in seen:
        return
    seen = (*seen, schema["$ref"]) if "$ref" in schema else seen
    schema = resolved(schema)
    if schema.get("type") == "object" or "properties" in schema:
        yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for each in inner:
        yield from objects(each, seen)


@pytest.mark.parametrize("schema", list(bodies()))
def test_every_object_of_every_body_says_which_fields_it_takes(schema):
    for each in objects(schema):
        if "kind" in each.get("properties", {}):
            continue  # a change: its fields are those of its kind, see below
        if each.get("properties"):
            assert each.get("additionalProperties") is False, each
        else:
            # A map of names and values, each of a kind of its own; or content that is data to the end.
            assert "additionalProperties" in each, each


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("door", ["/changes", "/api/changes/plan", "/api/changes/execute"])
def test_no_kind_of_change_takes_a_field_of_its_own_making(ask, kind, door):
    change = {"kind": kind, EXTRA: True}

    async def story(visitor):
        body = change if door == "/changes" else {"change": change}
        answer = await visitor.post(door, data=body, headers={"accept": "application/json"})
        assert answer.status == 400, answer.text
        assert EXTRA in answer.json["message"]

    ask(story)


@pytest.mark.parametrize("door", ["/changes", "/api/changes/plan"])
def test_nor_do_the_objects_within_one(ask, door):
    change = {"kind": "create-topic", "topic": {"name": "a", "partition_count": 1, EXTRA: True}}

    async def story(visitor):
        body = change if door == "/changes" else {"change": change}
        answer = await visitor.post(door, data=body, headers={"accept": "application/json"})
        assert answer.status == 400
        assert EXTRA in answer.json["message"]

    ask(story)


def test_fields_of_a_form_that_are_not_its_own_change_nothing(ask):
    """What a page plans is what its own fields say: the plan shows all of it before anything happens."""

    async def story(visitor):
        own = {"name": "by-form", "partition_count": "1", "replication_factor": "1"}
        more = {"kind": "delete-topic", "typed": "by-form", "readonly": "", "is_internal": "true", "assignments": "{}"}
        as_program = {"accept": "application/json"}
        plain = (await visitor.post("/topics-new", own, headers=as_program)).json
        widened = (await visitor.post("/topics-new", {**own, **more}, headers=as_program)).json
        assert plain["command"].startswith("stoker topics create by-form")
        assert {**plain, "plan": ""} == {**widened, "plan": ""}

    ask(story)
