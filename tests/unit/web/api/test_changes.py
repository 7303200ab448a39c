"""Changes over HTTP: what was shown is what is done, what is lost for good is confirmed, read-only is read-only."""

import pytest

from tests.unit.web.api.served import Served


def alter(topic, value):
    return {"kind": "alter-config", "resource": {"type": 2, "name": topic}, "changes": {"retention.ms": value}}


def plan(api, change):
    answer = api.checked("POST", "/api/changes/plan", {"change": change})
    assert answer.status == 200, answer
    return answer.json()


def execute(api, **body):
    return api.checked("POST", "/api/changes/execute", body)


def test_a_plan_shows_the_difference_the_command_and_the_risks(api, topic):
    shown = plan(api, alter(topic, "1000"))
    assert [each["after"] for each in shown["difference"]] == ["1000"]
    assert shown["command"] == f"stoker configs alter topic {topic} --set retention.ms=1000"
    assert shown["risks"]
    assert shown["can_undo"]


def test_a_plan_is_carried_out_once(api, topic):
    name = plan(api, alter(topic, "1000"))["plan"]
    assert execute(api, plan=name).json()["is_verified"]
    assert execute(api, plan=name).status == 404


def test_a_plan_whose_ground_has_changed_is_refused(api, topic):
    name = plan(api, alter(topic, "1000"))["plan"]
    assert execute(api, change=alter(topic, "2000")).status == 200
    refused = execute(api, plan=name)
    assert refused.status == 409
    assert "has changed since this was planned" in refused.json()["message"]


def test_what_is_like_that_already_has_no_plan(api, topic):
    execute(api, change=alter(topic, "1000"))
    shown = plan(api, alter(topic, "1000"))
    assert (shown["plan"], shown["difference"]) == (None, [])
    assert execute(api, change=alter(topic, "1000")).status == 409


def test_what_is_lost_for_good_needs_its_name(api, topic):
    change = {"kind": "delete-topic", "name": topic}
    shown = plan(api, change)
    assert shown["destroys"] == topic
    assert execute(api, plan=shown["plan"]).status == 409
    assert execute(api, plan=shown["plan"], confirm="another").status == 409
    assert execute(api, plan=shown["plan"], confirm=topic).status == 200
    assert api.get(f"/api/topics/{topic}").status == 404


def test_an_undo_is_previewed_and_then_done_and_shows_what_changed_since(api, topic):
    done = execute(api, change=alter(topic, "1000")).json()
    execute(api, change=alter(topic, "3000"))
    shown = api.checked("POST", "/api/changes/undo", {"audit_id": done["audit_id"], "dry_run": True}).json()["plan"]
    assert any("has changed since" in each for each in shown["risks"])
    assert execute(api, plan=shown["plan"]).status == 200
    assert api.checked("POST", "/api/changes/undo", {"audit_id": done["audit_id"]}).status == 400
    assert api.checked("POST", "/api/changes/undo", {"audit_id": "nope"}).status == 404


def test_the_undo_of_a_new_topic_needs_its_name_too(api, topic):
    entries = api.get("/api/audit", subject=topic, kind="create-topic").json()["entries"]
    audit_id = entries[0]["entry"]["id"]
    assert api.checked("POST", "/api/changes/undo", {"audit_id": audit_id}).status == 409
    assert api.checked("POST", "/api/changes/undo", {"audit_id": audit_id, "confirm": topic}).status == 200


def test_the_audit_log_has_pages(api, topic):
    execute(api, change=alter(topic, "1000"))
    execute(api, change=alter(topic, "2000"))
    first = api.checked("GET", f"/api/audit?limit=1&subject={topic}").json()
    second = api.checked("GET", f"/api/audit?limit=1&subject={topic}&before={first['older']}").json()
    assert first["entries"][0]["entry"]["after"] == {"retention.ms": "2000"}
    assert second["entries"][0]["entry"]["after"] == {"retention.ms": "1000"}


def test_secrets_are_neither_shown_nor_written_down(api):
    resource = {"type": 4, "name": "1"}
    change = {"kind": "alter-config", "resource": resource, "changes": {"ssl.key.password": "hunter2"}}
    answer = api.checked("POST", "/api/changes/plan", {"change": change})
    assert "hunter2" not in answer.text
    execute(api, change=change)
    assert "hunter2" not in api.get("/api/audit").text


@pytest.fixture(scope="module")
def readonly(embedded, tmp_path_factory):
    with Served(embedded.bootstrap_servers, tmp_path_factory.mktemp("readonly"), readonly=True) as served:
        yield served


def test_read_only_lets_nothing_through_by_any_door(readonly, api, topic, v3):
    from tests.unit.web.api.served import the_document

    change = alter(topic, "1000")
    assert plan(readonly, change)["is_readonly"]
    assert execute(readonly, change=change).status == 403
    acl = dict.fromkeys(
        ("resource_type", "pattern_type", "operation", "permission", "resource_name", "principal", "host"), "*"
    )
    bodies = {
        "produce_records": {"records": [{"value": "x"}]},
        "create_v3_topic": {"topic_name": "never"},
        "grow_v3_topic": {"partitions_count": 5},
        "produce_v3_records": {"value": {"type": "STRING", "data": "x"}},
        "create_v3_acl": acl,
        "create_v3_acls": {"data": [acl]},
        "alter_v3_topics_configs": {"data": [{"topic_name": topic, "configs": [{"name": "a", "value": "1"}]}]},
        "produce_v3_batch": {"entries": [{"id": "1"}]},
        "execute_change": {"change": change},
        "undo_change": {"audit_id": "last"},
    }
    refused = 0
    for path, methods in the_document()["paths"].items():
        for method, each in methods.items():
            if not each.get("x-changes"):
                continue
            place = path.replace("/v3/clusters/{cluster_id}", v3).replace("{topic_name}", topic)
            place = place.replace("{broker_id}", "1").replace("{name}", "retention.ms")
            needed = [each["name"] for each in each.get("parameters", ()) if each["in"] == "query" and each["required"]]
            place += "?" + "&".join(f"{name}=any" for name in needed) if needed else ""
            body = bodies.get(each["operationId"])
            if body is None and "requestBody" in each:
                body = {"value": "1"} if method == "put" else {"data": [{"name": "retention.ms", "value": "1"}]}
            answer = readonly.checked(method.upper(), place, body)
            assert answer.status == 403, (path, answer)
            refused += 1
    assert refused >= 16
    assert api.get(f"/api/topics/{topic}").json()["summary"]["overrides"] == {}


def test_everything_that_is_not_a_get_changes_nothing_unless_it_says_so():
    from tests.unit.web.api.served import the_document

    silent = {
        each["operationId"]
        for methods in the_document()["paths"].values()
        for method, each in methods.items()
        if method != "get" and not each.get("x-changes")
    }
    assert silent == {
        "plan_change", "run_sql", "plan_sql", "check_sql", "search_records_by_body", "delete_sql_result", "save_sql", "delete_saved_sql",
    }  # fmt: skip
