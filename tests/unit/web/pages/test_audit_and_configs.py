"""What the pages of the audit log, of configurations and of contexts know."""

import shlex

import pytest

from console.audit import DONE, FAILED, AuditEntry, AuditTrail
from console.contexts import Context, Contexts
from console.services.configs import ConfigEntry, ConfigSource
from web.formatting import config_meaning
from web.pages.audit import audit_rows, facts_table
from web.pages.configs import config_rows, plain_documentation
from web.pages.contexts import add_command, form_of, read_context


def entry(number, **values):
    known = {
        "id": f"id-{number}", "at_ms": number, "user": "me", "host": "here", "face": "web", "cluster_id": "c",
        "bootstrap_servers": "h:1", "kind": "alter-config", "subject": "topic orders", "command": "stoker …",
        "before": None, "after": None, "result": DONE,
    }  # fmt: skip
    return AuditEntry(**{**known, **values})


def test_changes_come_newest_first_and_of_one_cluster_alone():
    trail = AuditTrail((entry(1), entry(2, cluster_id="other"), entry(3)), 0)
    assert [row["id"] for row in audit_rows(trail, "c")] == ["id-3", "id-1"]
    assert len(audit_rows(trail, None)) == 3
    assert audit_rows(AuditTrail((), 0), None) == []


def test_a_change_can_be_undone_was_undone_or_cannot_be():
    trail = AuditTrail(
        (entry(1, undo={}), entry(2, undo={}), entry(3, undoes="id-1", undo=None), entry(4, result=FAILED)), 0
    )
    assert {row["id"]: row["undo"] for row in audit_rows(trail, None)} == {
        "id-1": "undone", "id-2": "yes", "id-3": "no", "id-4": "no",
    }  # fmt: skip


def test_before_and_after_stand_side_by_side_with_what_only_one_of_them_has():
    rows = facts_table({"a": 1, "b": 2}, {"b": 2, "c": None, "d": 4})
    assert [(row["name"], row["changed"]) for row in rows] == [("a", True), ("b", False), ("c", False), ("d", True)]
    assert facts_table(None, None) == []


def config(name, value="1", *, sensitive=False, own=False):
    source = ConfigSource.DYNAMIC_TOPIC_CONFIG if own else ConfigSource.DEFAULT_CONFIG
    return ConfigEntry(name, value, source, sensitive, False, "long", "<p>Doc &lt;b&gt;</p>", own, "9")


def test_a_property_says_where_it_comes_from_and_what_it_would_be_otherwise():
    (row,) = config_rows((config("retention.ms", own=True),))
    assert (row["source"], row["is_override"], row["inherited"]) == ("the topic", True, "9")
    assert row["documentation"] == "Doc <b>"


def test_what_is_not_set_has_nothing_else_that_it_would_be():
    (row,) = config_rows((config("retention.ms"),))
    assert row["inherited"] is None


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("retention.ms", "604800000", "7d"),
        ("segment.bytes", "1073741824", "1.0 GiB"),
        ("message.max.bytes", "1048588", "1.0 MiB"),
        ("log.cleaner.dedupe.buffer.size", "134217728", "128 MiB"),
        ("flush.ms", "9223372036854775807", "no limit"),
        ("retention.ms", "-1", ""),
        ("linger.ms", "5", ""),
        ("segment.index.bytes", "512", ""),
        ("num.partitions", "100000", ""),
        ("cleanup.policy", "delete", ""),
        ("retention.ms", None, ""),
        ("retention.ms", "9" * 30, ""),
    ],
)
def test_milliseconds_and_bytes_are_told_in_larger_units(name, value, meaning):
    assert config_meaning(name, value) == meaning


def test_sensitive_values_are_never_in_a_row():
    (row,) = config_rows((config("ssl.key.password", "secret", sensitive=True),))
    assert "secret" not in str(row)
    assert row["inherited"] is None


def test_documentation_loses_its_markup_and_keeps_its_lists():
    assert plain_documentation("<p>One<ul><li>two</li><li><code>three</code></li></ul>") == "One\n- two\n- three"
    assert plain_documentation(None) == ""
    assert plain_documentation("a < b") == "a < b"


def test_a_context_is_checked_as_the_command_line_does():
    errors = {}
    made = read_context({"name": "staging", "bootstrap_servers": "kafka-1:9092,kafka-2:9092", "readonly": "on"}, errors)
    assert not errors
    assert made == Context("staging", "kafka-1:9092,kafka-2:9092", None, True)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": "../x", "bootstrap_servers": "h:1"}, "name"),
        ({"name": "", "bootstrap_servers": "h:1"}, "name"),
        ({"name": "a", "bootstrap_servers": "h:port"}, "bootstrap_servers"),
        ({"name": "a", "bootstrap_servers": "h:1", "command_config": "/there/is/none"}, "command_config"),
        ({"name": "a", "bootstrap_servers": "h:1", "schema_registry": "http://me:secret@r"}, "schema_registry"),
        ({"name": "a", "bootstrap_servers": "h:1", "decode": "orders"}, "decode"),
        ({"name": "a", "bootstrap_servers": "h:1", "decode": "orders=no-such-format"}, "decode"),
        ({"name": "a", "bootstrap_servers": "h:1", "decode": "orders=json\norders=utf-8"}, "decode"),
    ],
)
def test_what_is_wrong_with_a_context_stands_at_its_field(form, field):
    errors = {}
    assert read_context(form, errors) is None
    assert list(errors) == [field]


def test_how_records_are_decoded_is_a_line_for_each_topic_and_comes_back_into_the_form():
    form = {"name": "a", "bootstrap_servers": "h:1", "decode": "orders = json,key=int64\r\n\r\nlogs-*=utf-8"}
    errors = {}
    made = read_context(form, errors)
    assert not errors
    assert made.decode == {"orders": "json,key=int64", "logs-*": "utf-8"}
    again = form_of(made, Contexts({"a": made}, None))
    assert read_context(again, errors) == made


def test_the_command_that_brings_a_context_back_is_quoted():
    command = add_command(Context("a", "h:1", "/my files/x", True, None, {"orders": "json"}))
    assert shlex.split(command)[4:] == [
        "-b", "h:1", "--command-config", "/my files/x", "--readonly", "--decode", "orders=json",
    ]  # fmt: skip
