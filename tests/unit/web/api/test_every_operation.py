"""Every operation of the document is asked once, and what it answers is what the document says."""

from urllib.parse import quote

from tests.unit.web.api.served import operation_of, the_document

ASKED = set()


def all_operations():
    return {each["operationId"] for path in the_document()["paths"].values() for each in path.values()}


def asker(api):
    def ask(status, method, path, body=None, **options):
        ASKED.add(operation_of(method, path).name)
        answer = api.checked(method, path, body, **options)
        assert answer.status == status, answer
        return answer

    return ask


def test_clusters_brokers_topics_and_groups(api, topic, group, v3):
    ask = asker(api)
    overview = ask(200, "GET", "/api/overview").json()
    assert overview["broker_count"] == 1
    assert overview["failure"] is None
    assert [each["name"] for each in ask(200, "GET", "/api/clusters").json()] == ["test"]
    assert ask(200, "GET", "/api/brokers").json()["brokers"][0]["node_id"] == 1
    assert ask(200, "GET", "/api/quorum").json()["leader"] == 1
    (found,) = ask(200, "GET", f"/api/topics?contains={topic.upper()}").json()["topics"]
    assert (found["name"], found["records_at_most"]) == (topic, 5)
    whole = ask(200, "GET", f"/api/topics/{topic}").json()
    assert [each["high_watermark"] for each in whole["partitions"]] == [5, 0]
    assert any(each["name"] == "retention.ms" and not each["is_override"] for each in whole["configs"])
    assert len(ask(200, "GET", f"/api/partitions?topic={topic}").json()["partitions"]) == 2
    ask(404, "GET", "/api/topics/nope")
    (found,) = [each for each in ask(200, "GET", "/api/groups").json()["groups"] if each["group_id"] == group]
    assert (found["lag"], found["member_count"], found["state"]) == (3, 1, "Stable")
    measured = ask(200, "GET", f"/api/groups/{quote(group, safe='')}").json()
    assert measured["lag"] == 3
    assert measured["partitions"][0]["committed_offset"] == 2
    assert measured["members"][0]["assignment"] == [{"topic": topic, "partition": 0}, {"topic": topic, "partition": 1}]


def test_records_sql_and_history(api, topic, put):
    ask = asker(api)
    put(topic, "one", {"key": "k", "value": "two"})
    assert ask(200, "POST", f"/api/topics/{topic}/records", {"records": [{"value": "3"}]}).json()["acknowledged"] == 1
    assert len(ask(200, "GET", f"/api/records?topic={topic}").json()["records"]) == 3
    place = f"/api/topics/{topic}/partitions/0/records/1"
    assert ask(200, "GET", place).json()["record"]["key"]["text"] == "k"
    assert ask(200, "GET", f"{place}/raw").body == b"two"
    assert ask(200, "GET", f"/api/export?topic={topic}").body.count(b"\n") == 3
    ask(200, "GET", f"/api/search?topic={topic}")
    ask(200, "POST", "/api/search", {"topics": [topic]})
    with api.events("GET", f"/api/tail?topic={topic}") as events:
        ASKED.add(operation_of("GET", "/api/tail").name)
        assert next(events)[0] == "begin"
    assert ask(200, "POST", "/api/sql/plan", {"sql": f'select * from "{topic}"'}).json()["records"] == 3
    assert ask(200, "POST", "/api/sql/check", {"sql": f'select * from "{topic}"'}).json()["plan"]["records"] == 3
    assert any(each["name"] == topic for each in ask(200, "GET", "/api/sql/tables").json()["tables"])
    ran = ask(200, "POST", "/api/sql", {"sql": "select 1 as one"}, headers={"Accept": "application/x-ndjson"})
    assert b'"finished"' in ran.body
    (kept, *_) = ask(200, "GET", "/api/sql/results").json()
    result = f"/api/sql/results/{kept['id']}"
    assert ask(200, "GET", result).json()["rows"] == [[1]]
    assert ask(200, "GET", f"{result}/export?format=csv").body == b"one\r\n1\r\n"
    ask(204, "DELETE", result)
    ask(404, "GET", result)
    saved = "/api/sql/saved/my%2Fquery"
    assert ask(200, "PUT", saved, {"sql": "select 2", "about": "two"}).json()["name"] == "my/query"
    assert ask(200, "GET", saved).json()["sql"] == "select 2"
    assert "my/query" in [each["name"] for each in ask(200, "GET", "/api/sql/saved").json()]
    ask(204, "DELETE", saved)
    ask(404, "GET", saved)
    assert ask(200, "GET", "/api/sql/history").json()["statements"][0]["sql"] == "select 1 as one"
    assert "kafka_brokers" in [each["name"] for each in ask(200, "GET", "/api/history/metrics").json()]
    api.run(api.cluster.sampler.next_pass())
    assert ask(200, "GET", "/api/history?metric=kafka_brokers&buckets=10").json()["series"][0]["values"][-1] == 1
    ask(400, "GET", "/api/history?metric=nonsense")
    import pyarrow as pa

    with pa.ipc.open_stream(ask(200, "GET", "/api/history/metrics.arrow").body) as reader:
        assert reader.schema.names[:2] == ["time", "metric"]
        assert reader.read_all().num_rows > 0


def test_changes_and_the_console_itself(api, topic):
    ask = asker(api)
    change = {"kind": "alter-topic", "name": topic, "configs": {"retention.ms": "5000"}}
    planned = ask(200, "POST", "/api/changes/plan", {"change": change}).json()
    done = ask(200, "POST", "/api/changes/execute", {"plan": planned["plan"]}).json()
    assert done["is_verified"]
    assert ask(200, "POST", "/api/changes/undo", {"audit_id": done["audit_id"]}).json()["result"]["is_verified"]
    entries = ask(200, "GET", "/api/audit?limit=2").json()["entries"]
    assert [each["entry"]["kind"] for each in entries] == ["alter-topic", "alter-topic"]
    assert entries[1]["undone_by"] == entries[0]["entry"]["id"]
    assert ask(200, "GET", f"/api/audit/{done['audit_id']}").json()["entry"]["face"] == "web"
    ask(404, "GET", "/api/audit/nope")
    assert ask(200, "GET", "/healthz").json()["status"] == "ok"
    assert "kafka_brokers 1" in ask(200, "GET", "/metrics").text
    assert ask(200, "GET", "/openapi.json").json()["openapi"] == "3.1.0"


def test_v3(api, topic, group, v3):
    ask = asker(api)
    assert ask(200, "GET", "/v3/clusters").json()["kind"] == "KafkaClusterList"
    assert ask(200, "GET", v3).json()["controller"]["related"].endswith("/brokers/1")
    assert ask(404, "GET", "/v3/clusters/nope").json() == {
        "error_code": 404,
        "message": "Cluster nope cannot be found.",
    }
    assert ask(200, "GET", f"{v3}/brokers").json()["data"][0]["host"] == "127.0.0.1"
    ask(200, "GET", f"{v3}/brokers/1")
    ask(404, "GET", f"{v3}/brokers/77")
    ask(200, "GET", f"{v3}/brokers/1/partition-replicas")
    for at, name in (
        (f"{v3}/broker-configs", "log.cleaner.threads"),
        (f"{v3}/brokers/1/configs", "log.cleaner.threads"),
    ):
        ask(200, "GET", at)
        ask(204, "PUT", f"{at}/{name}", {"value": "2"})
        assert ask(200, "GET", f"{at}/{name}").json()["value"] == "2"
        ask(204, "DELETE", f"{at}/{name}")
        ask(204, "POST", f"{at}:alter", {"data": [{"name": name, "value": "2"}], "validate_only": True})
    ask(200, "GET", f"{v3}/brokers/-/configs")
    assert topic in [each["topic_name"] for each in ask(200, "GET", f"{v3}/topics").json()["data"]]
    other = ask(201, "POST", f"{v3}/topics", {"topic_name": f"{topic}-b"}).json()
    assert other["partitions"]["related"].endswith(f"{v3}/topics/{topic}-b/partitions")
    at = f"{v3}/topics/{topic}"
    assert ask(200, "GET", at).json()["partitions_count"] == 2
    assert ask(404, "GET", f"{v3}/topics/nope").json()["error_code"] == 40403
    assert ask(200, "PATCH", f"{at}-b", {"partitions_count": 3}).json()["partitions_count"] == 3
    assert ask(400, "PATCH", f"{at}-b", {"partitions_count": 1}).json()["error_code"] == 40002
    ask(204, "DELETE", f"{at}-b")
    assert ask(200, "GET", f"{at}/configs").json()["data"][0]["topic_name"] == topic
    ask(204, "PUT", f"{at}/configs/retention.ms", {"value": "1000"})
    found = ask(200, "GET", f"{at}/configs/retention.ms").json()
    assert (found["value"], found["source"], found["is_default"]) == ("1000", "DYNAMIC_TOPIC_CONFIG", False)
    ask(204, "POST", f"{at}/configs:alter", {"data": [{"name": "retention.ms", "operation": "DELETE"}]})
    ask(204, "DELETE", f"{at}/configs/retention.ms")
    assert ask(200, "GET", f"{at}/configs/retention.ms").json()["is_default"]
    ask(404, "GET", f"{at}/configs/nonsense")
    ask(200, "GET", f"{v3}/topics/-/configs")
    assert [each["partition_id"] for each in ask(200, "GET", f"{at}/partitions").json()["data"]] == [0, 1]
    assert ask(200, "GET", f"{at}/partitions/0").json()["leader"]["related"].endswith("/partitions/0/replicas/1")
    assert ask(404, "GET", f"{at}/partitions/9").json()["error_code"] == 40402
    assert ask(200, "GET", f"{at}/partitions/0/offset").json()["latest_offset"] == 5
    assert ask(200, "GET", f"{at}/partitions/0/replicas").json()["data"][0]["is_leader"]
    ask(200, "GET", f"{at}/partitions/0/replicas/1")
    ask(404, "GET", f"{at}/partitions/0/replicas/2")
    assert ask(200, "GET", f"{v3}/topics/-/partitions/-/reassignment").json()["data"] == []
    assert ask(200, "GET", f"{at}/partitions/-/reassignment").json()["data"] == []
    ask(404, "GET", f"{at}/partitions/0/reassignment")
    written = ask(200, "POST", f"{at}/records", {"partition_id": 0, "value": {"type": "STRING", "data": "6"}}).json()
    assert (written["offset"], written["value"]) == (5, {"size": 1, "type": "STRING"})
    batch = {"entries": [{"id": "a", "value": {"type": "JSON", "data": {"x": 1}}}, {"id": "b", "value": {"data": 1}}]}
    both = ask(207, "POST", f"{at}/records:batch", batch).json()
    assert [each["id"] for each in both["successes"]] == ["a"]
    assert [(each["id"], each["error_code"]) for each in both["failures"]] == [("b", 400)]
    changes = {"topic_name": topic, "configs": [{"name": "retention.ms", "value": "2000"}]}
    ask(204, "POST", f"{v3}/topics/-/configs:alter", {"data": [changes]})


def test_v3_acls(api, v3):
    """The embedded cluster has no authorizer. (Confluent: SecurityDisabledException is 400 and 40002.)"""
    ask = asker(api)
    acl = {"resource_type": "TOPIC", "resource_name": "t", "pattern_type": "LITERAL", "operation": "READ"}
    acl |= {"permission": "ALLOW", "principal": "User:ada", "host": "*"}
    refused = {"error_code": 40002, "message": "ACLs: SECURITY_DISABLED: No Authorizer is configured."}
    assert ask(400, "GET", f"{v3}/acls?resource_type=topic").json() == refused
    assert ask(400, "POST", f"{v3}/acls", acl).json() == refused
    assert ask(400, "POST", f"{v3}/acls:batch", {"data": [acl]}).json() == refused
    every = "resource_type=any&pattern_type=any&operation=any&permission=any"
    assert ask(400, "DELETE", f"{v3}/acls?{every}").json() == refused
    assert "resource_type cannot be 'ANY'" in ask(400, "POST", f"{v3}/acls", {**acl, "resource_type": "ANY"}).text
    assert "is missing" in ask(400, "DELETE", f"{v3}/acls").text


def test_v3_groups(api, topic, group, v3):
    ask = asker(api)
    groups = ask(200, "GET", f"{v3}/consumer-groups").json()["data"]
    (found,) = [each for each in groups if each["consumer_group_id"] == group]
    assert (found["state"], found["partition_assignor"], found["is_simple"]) == ("STABLE", "range", False)
    at = f"{v3}/consumer-groups/{quote(group, safe='')}"
    assert found["metadata"]["self"] == api.url + at
    ask(200, "GET", at)
    ask(404, "GET", f"{v3}/consumer-groups/nope")
    (member,) = ask(200, "GET", f"{at}/consumers").json()["data"]
    of_member = f"{at}/consumers/{quote(member['consumer_id'], safe='')}"
    ask(200, "GET", of_member)
    ask(404, "GET", f"{at}/consumers/nope")
    assignments = ask(200, "GET", f"{of_member}/assignments").json()["data"]
    assert [each["partition_id"] for each in assignments] == [0, 1]
    ask(200, "GET", f"{of_member}/assignments/{topic}/partitions/1")
    ask(404, "GET", f"{of_member}/assignments/{topic}/partitions/5")
    summary = ask(200, "GET", f"{at}/lag-summary").json()
    assert (summary["max_lag"], summary["total_lag"], summary["max_lag_partition_id"]) == (3, 3, 0)
    assert [each["lag"] for each in ask(200, "GET", f"{at}/lags").json()["data"]] == [3, 0]
    assert ask(200, "GET", f"{at}/lags/{topic}/partitions/0").json()["current_offset"] == 2
    ask(404, "GET", f"{at}/lags/{topic}/partitions/7")


def test_nothing_was_left_out():
    assert all_operations() == ASKED
