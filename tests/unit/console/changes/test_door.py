"""The door: nothing changes before it is executed, everything that does is written down and can be looked at again."""

import pytest

from console.audit import AuditLog
from console.changes import Door, Produced
from console.changes import configs as planned_configs
from console.changes.kinds import AlterConfig, AlterTopic, CreateTopic, DeleteTopic
from console.errors import Blame, OperatorError
from console.services.configs import (
    ConfigDescription,
    ConfigEntry,
    ConfigSource,
    Resource,
    ResourceType,
    alter_config,
    describe_config,
)
from console.services.topic_changes import NewTopic, add_partitions, create_topic, delete_topic

pytestmark = pytest.mark.anyio


async def override(client, topic, config):
    """What is set on the topic itself."""
    found = await describe_config(client, Resource(ResourceType.TOPIC, topic))
    return found.overrides().get(config)


def retention(topic, value):
    return AlterConfig(Resource(ResourceType.TOPIC, topic), {"retention.ms": value})


async def test_planning_changes_nothing_and_shows_difference_command_and_risks(door, client, audit, topic):
    plan = await door.plan(retention(topic, "5000"))

    assert [str(each) for each in plan.difference] == ["+ retention.ms: 604800000 (default) -> 5000"]
    assert plan.command == f"stoker configs alter topic {topic} --set retention.ms=5000"
    assert "is deleted" in plan.risks[0]
    assert await override(client, topic, "retention.ms") is None
    assert audit.read().entries == ()


async def test_executing_changes_it_sees_it_and_gives_the_way_back(door, client, topic):
    result = await (await door.plan(retention(topic, "5000"))).execute()

    assert result.verified
    assert await override(client, topic, "retention.ms") == "5000"
    back = await door.plan(result.undo)
    assert [str(each) for each in back.difference] == ["- retention.ms: 5000 -> (default)"]
    await back.execute()
    assert await override(client, topic, "retention.ms") is None


async def test_who_when_where_what_before_and_after_are_written_down(door, client, audit, topic):
    result = await (await door.plan(retention(topic, "5000"))).execute()

    (entry,) = audit.read().entries
    assert (entry.id, entry.user, entry.face, entry.at_ms) == (result.audit_id, "ada", "test", 1_800_000_000_000)
    assert entry.cluster_id == client.view.cluster_id
    assert (entry.kind, entry.subject, entry.result, entry.error) == ("alter-config", f"topic {topic}", "done", None)
    assert (entry.before, entry.after) == ({"retention.ms": None}, {"retention.ms": "5000"})
    assert entry.command == f"stoker configs alter topic {topic} --set retention.ms=5000"


async def test_a_change_to_what_it_is_already_has_no_difference(door, topic):
    await (await door.plan(retention(topic, "5000"))).execute()

    plan = await door.plan(retention(topic, " 5000 "))

    assert plan.difference == ()
    with pytest.raises(OperatorError, match="like that already"):
        await plan.execute()


@pytest.mark.parametrize("how", ["door", "environment"])
async def test_read_only_plans_and_does_nothing(client, audit, topic, monkeypatch, how):
    if how == "environment":
        monkeypatch.setenv("STOKER_READONLY", "1")
    door = Door(client, face="test", readonly=how == "door", audit=audit)

    plan = await door.plan(retention(topic, "5000"))

    assert plan.difference
    with pytest.raises(OperatorError, match="read-only"):
        await plan.execute()
    with pytest.raises(OperatorError, match="read-only"):
        async with door.producing(topic, lambda: Produced(0, 0)):
            pass
    assert await override(client, topic, "retention.ms") is None
    assert audit.read().entries == ()


async def test_what_the_cluster_refuses_is_refused_when_it_is_planned(door, topic, name):
    with pytest.raises(OperatorError, match="INVALID_CONFIG"):
        await door.plan(retention(topic, "soon"))
    with pytest.raises(OperatorError, match="TOPIC_ALREADY_EXISTS"):
        await door.plan(CreateTopic(NewTopic(topic, 1, 1)))
    with pytest.raises(OperatorError, match="INVALID_PARTITIONS"):
        await door.plan(AlterTopic(topic, 1))
    with pytest.raises(OperatorError, match="UNKNOWN_TOPIC_OR_PARTITION"):
        await door.plan(DeleteTopic("nope"))


async def test_a_plan_is_refused_when_it_has_changed_since(door, client, audit, topic):
    plan = await door.plan(retention(topic, "5000"))
    await alter_config(client, Resource(ResourceType.TOPIC, topic), {"retention.ms": "7000"})

    with pytest.raises(OperatorError, match="has changed since") as raised:
        await plan.execute()

    assert "retention.ms was unset and is 7000 now" in raised.value.detail
    assert await override(client, topic, "retention.ms") == "7000"
    assert audit.read().entries == ()


async def test_a_plan_is_carried_out_once(door, topic):
    plan = await door.plan(retention(topic, "5000"))
    await plan.execute()

    with pytest.raises(OperatorError, match="carried out already"):
        await plan.execute()


async def test_undo_by_id_takes_it_back_once_and_can_be_undone_itself(door, client, audit, topic):
    first = await (await door.plan(retention(topic, "5000"))).execute()

    undo = await (await door.plan_undo(first.audit_id)).execute()

    assert await override(client, topic, "retention.ms") is None
    assert audit.read().undone_by() == {first.audit_id: undo.audit_id}
    with pytest.raises(OperatorError, match=f"undone already, by {undo.audit_id}"):
        await door.plan_undo(first.audit_id)
    await (await door.plan_undo("last")).execute()
    assert await override(client, topic, "retention.ms") == "5000"
    assert (await door.plan_undo(first.audit_id)).difference


async def test_undo_says_what_has_changed_since(door, client, topic):
    result = await (await door.plan(retention(topic, "5000"))).execute()
    await alter_config(client, Resource(ResourceType.TOPIC, topic), {"retention.ms": "7000"})

    plan = await door.plan_undo(result.audit_id)

    assert plan.risks[0].startswith("retention.ms has changed since: it is 7000")


async def test_undo_of_a_change_to_another_cluster_is_refused(door, client, audit, topic):
    from dataclasses import replace

    result = await (await door.plan(retention(topic, "5000"))).execute()
    entry = audit.read().get(result.audit_id)
    audit.begin(replace(entry, id="elsewhere", cluster_id="another"))

    with pytest.raises(OperatorError, match="another cluster"):
        await door.plan_undo("elsewhere")


async def test_a_created_topic_is_undone_by_deleting_it_and_not_another_of_its_name(door, client, audit, name):
    result = await (await door.plan(CreateTopic(NewTopic(name, 1, 1)))).execute()

    plan = await door.plan_undo(result.audit_id)
    assert plan.destroys == name
    assert plan.difference[0].sign == "-"

    await delete_topic(client, name)
    await create_topic(client, NewTopic(name, 1, 1))
    with pytest.raises(OperatorError, match="INCONSISTENT_TOPIC_ID"):
        await door.plan_undo(result.audit_id)


async def test_a_topic_that_is_gone_cannot_be_brought_back(door, audit, topic):
    plan = await door.plan(DeleteTopic(topic))
    assert (plan.destroys, plan.can_undo) == (topic, False)
    assert "2 partitions" in plan.loss

    result = await plan.execute()

    assert result.verified
    with pytest.raises(OperatorError, match="cannot be undone"):
        await door.plan_undo(result.audit_id)


async def test_partitions_and_configs_of_a_topic_change_in_one_plan_and_only_configs_come_back(door, client, topic):
    plan = await door.plan(AlterTopic(topic, 4, {"retention.ms": "5000"}))
    assert plan.command == f"stoker topics alter {topic} --partitions 4 --config retention.ms=5000"

    result = await plan.execute()

    assert result.verified
    assert "partitions cannot be taken away" in result.undo_note
    assert result.undo == AlterTopic(topic, None, {"retention.ms": None})
    assert len((await client.metadata([topic])).topics[topic].partitions) == 4


async def test_a_failure_is_written_down_with_its_reason(door, client, audit, name):
    plan = await door.plan(CreateTopic(NewTopic(name, 1, 1)))

    async def gone():
        return {"exists": False}

    await create_topic(client, NewTopic(name, 1, 1))
    object.__setattr__(plan._draft, "observe", gone)
    with pytest.raises(OperatorError, match="TOPIC_ALREADY_EXISTS"):
        await plan.execute()

    (entry,) = audit.read().entries
    assert entry.result == "failed"
    assert "TOPIC_ALREADY_EXISTS" in entry.error


async def test_nothing_is_done_when_it_cannot_be_written_down(client, topic, tmp_path):
    (tmp_path / "blocked").write_text("a file where the folder should be")
    door = Door(client, face="test", audit=AuditLog(tmp_path / "blocked"))
    plan = await door.plan(retention(topic, "5000"))

    with pytest.raises(OperatorError, match=r"audit log .* cannot be written"):
        await plan.execute()

    assert await override(client, topic, "retention.ms") is None


async def test_what_does_not_show_in_time_is_told_and_done_all_the_same(client, audit, topic):
    door = Door(client, face="test", audit=audit, verify_timeout_ms=0)
    plan = await door.plan(AlterTopic(topic, 3))
    seen = iter([{"partition_count": 2}, {"partition_count": 2}])

    async def observe():
        return next(seen)

    object.__setattr__(plan._draft, "observe", observe)

    result = await plan.execute()

    assert result.unverified == ("partition_count is 2, not 3",)
    (entry,) = audit.read().entries
    assert (entry.result, entry.error) == ("done", "not verified: partition_count is 2, not 3")


def entry(name, value, *, sensitive=False, own=True):
    source = ConfigSource.DYNAMIC_BROKER_CONFIG if own else ConfigSource.DEFAULT_CONFIG
    return ConfigEntry(name, value, source, sensitive, False, "password" if sensitive else "int", None, own)


@pytest.fixture
def secretive(monkeypatch):
    """Broker 1 as `entries` have it; what would be sent to it."""
    entries, sent = [], []

    async def describe(client, resource):
        return ConfigDescription(resource, tuple(entries))

    async def alter(client, resource, changes, *, validate_only=False):
        sent.append(dict(changes))

    monkeypatch.setattr(planned_configs, "describe_config", describe)
    monkeypatch.setattr(planned_configs, "alter_config", alter)
    return entries, sent


@pytest.mark.parametrize("name", ["ssl.key.password", "listener.name.a.ssl.key.password", "listener.name.a.unheard.of"])
async def test_a_secret_is_sent_and_neither_shown_nor_written_down(door, audit, secretive, name):
    entries, sent = secretive
    entries.append(entry("ssl.key.password", None, sensitive=True))

    plan = await door.plan(AlterConfig(Resource(ResourceType.BROKER, "1"), {name: "hunter2", "max.connections": "5"}))
    await plan.execute()

    assert sent[-1] == {name: "hunter2", "max.connections": "5"}
    assert "hunter2" not in f"{plan.command} {[str(each) for each in plan.difference]} {plan.undo_note}"
    assert b"hunter2" not in audit.path.read_bytes()
    assert name.encode() in audit.path.read_bytes()


async def test_a_refusal_that_quotes_a_secret_is_told_and_written_down_without_it(door, audit, secretive, monkeypatch):
    secretive[0].append(entry("ssl.key.password", None, sensitive=True))
    plan = await door.plan(AlterConfig(Resource(ResourceType.BROKER, "1"), {"ssl.key.password": "hunter2"}))

    async def refuse(*_, **__):
        raise OperatorError("broker 1: INVALID_CONFIG", "Invalid value hunter2")

    monkeypatch.setattr(planned_configs, "alter_config", refuse)
    with pytest.raises(OperatorError) as raised:
        await plan.execute()

    assert raised.value.detail == "Invalid value (hidden)"
    assert b"hunter2" not in audit.path.read_bytes()


async def test_a_broker_that_was_lost_before_it_answered_leaves_the_outcome_unknown(door, audit, topic):
    plan = await door.plan(retention(topic, "5000"))

    async def lost():
        raise OperatorError("broker 1 cannot be reached", "timed out", "Look.", blame=Blame.UNREACHABLE)

    object.__setattr__(plan._draft, "carry_out", lost)
    with pytest.raises(OperatorError):
        await plan.execute()

    assert audit.read().entries[0].result == "unknown"


async def test_a_secret_that_was_set_cannot_be_put_back_and_one_that_was_not_is_removed(door, secretive):
    entries, _ = secretive
    entries += [entry("a.password", None, sensitive=True), entry("b.password", None, sensitive=True, own=False)]

    plan = await door.plan(AlterConfig(Resource(ResourceType.BROKER, "1"), {"a.password": "x", "b.password": "y"}))

    assert (await plan.execute()).undo.changes == {"b.password": None}
    assert plan.undo_note.startswith("a.password: ")


async def test_a_property_of_one_listener_is_as_open_as_that_of_all(door, secretive):
    entries, _ = secretive
    entries.append(entry("max.connections", "10", own=False))

    plan = await door.plan(AlterConfig(Resource(ResourceType.BROKER, "1"), {"listener.name.a.max.connections": "5"}))

    assert str(plan.difference[0]) == "+ listener.name.a.max.connections: nothing (default) -> 5"


async def test_the_default_of_all_brokers_is_shown_and_written_down_unless_it_is_a_secret(door, audit, secretive):
    """It is described with what is set alone, so that a property's first value has no description to go by."""
    values = {"log.retention.ms": "5000", "ssl.key.password": "hunter2", "unheard.of": "hunter2"}
    plan = await door.plan(AlterConfig(Resource(ResourceType.BROKER, ""), values))
    await plan.execute()

    shown = [str(each) for each in plan.difference]
    assert shown[0] == "+ log.retention.ms: nothing (default) -> 5000"
    assert "log.retention.ms=5000" in plan.command
    assert any("gets less" in risk for risk in plan.risks)
    assert "hunter2" not in f"{plan.command} {shown}"
    assert b"5000" in audit.path.read_bytes()
    assert b"hunter2" not in audit.path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("boolean", " TRUE ", "true"),
        ("long", "+0005", "5"),
        ("list", "compact, delete", "compact,delete"),
        ("double", "0.50", "0.5"),
        ("string", " a ", "a"),
        ("int", "many", "many"),
    ],
)
def test_values_are_compared_as_the_cluster_writes_them(kind, value, normal):
    described = ConfigEntry("x", None, ConfigSource.DEFAULT_CONFIG, False, False, kind, None, False)

    assert planned_configs.normal(value, described) == normal


async def test_of_records_that_are_sent_only_the_count_is_written_down(door, audit, topic):
    async with door.producing(topic, lambda: Produced(3, 120)):
        assert audit.read().entries[0].result == "started"
    with pytest.raises(ValueError):
        async with door.producing(topic, lambda: Produced(1, 40)):
            raise ValueError("the cable")

    done, failed = audit.read().entries
    assert (done.kind, done.result, done.after) == (
        "produce", "done", {"acknowledged_records": 3, "acknowledged_bytes": 120},
    )  # fmt: skip
    assert (failed.result, failed.after["acknowledged_records"]) == ("unknown", 1)


async def test_risks_of_creating_a_topic_are_said(door, name):
    alone = await door.plan(CreateTopic(NewTopic(name, 1, 1)))
    strict = await door.plan(CreateTopic(NewTopic(name, 1, 2, {"min.insync.replicas": "2"})))

    assert "With one replica" in alone.risks[0]
    assert "no broker may be missing" in strict.risks[0]


async def test_a_topic_that_grew_meanwhile_is_not_deleted_on_an_old_plan(door, client, topic):
    plan = await door.plan(DeleteTopic(topic))
    await add_partitions(client, topic, 3)

    with pytest.raises(OperatorError, match="has changed since"):
        await plan.execute()
