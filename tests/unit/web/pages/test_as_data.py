"""Every page is also JSON and, where it has a table, CSV: asked of the list of pages itself, so that none is forgotten."""

import csv
import io
import re
from uuid import uuid4

import pytest

from console.contexts import Context, Contexts, save_contexts
from engine.net.group_member import GroupMember
from engine.types import TopicPartition
from tests.web.producing import fill
from web.pages import PAGES

NO_PAGES = {"/lab/stream", "/lab/export", "/lab/lessons/{lesson}"}
"""A stream, a file to keep, and a way to somewhere else."""

SHOWN = [each for each in PAGES if "GET" in each.methods and each.path not in NO_PAGES]

NAMES = {
    "topic": "counted", "broker": "1", "group": "readers", "partition": "0", "offset": "1", "context": "elsewhere",
}  # fmt: skip

CONFIGS = {"topics": "retention.ms", "groups": "consumer.session.timeout.ms"}
"""One that there is, by where the page is; brokers and the cluster have others."""


async def filled(visitor):
    """The names of what is there for pages that need something: a topic with records, a group, an audit entry, a plan."""
    client = visitor.opened.client
    if "counted" not in (await client.metadata(None)).topics:
        await fill(visitor.opened, "counted", ["one", "two", "three"])
        member = GroupMember(client, "readers", ["counted"], session_timeout_ms=45_000)
        await member.join()
        await member.commit({TopicPartition("counted", 0): 1})
        await member.leave()
    plans = [
        (await visitor.post("/changes", data={"kind": "create-topic", "topic": {"name": f"topic-{uuid4()}"}})).json
        for _ in range(2)
    ]
    done = await visitor.post(f"/changes/{plans[0]['plan']}", data={})
    for _ in range(3):
        await visitor.opened.sampler.next_pass()
    return {**NAMES, "plan": plans[1]["plan"], "id": done.json["audit_id"]}


def address(page, names):
    names = {**names, "config": CONFIGS.get(page.path.split("/")[1], "log.retention.ms")}
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], page.path)


@pytest.mark.parametrize("page", SHOWN, ids=lambda each: each.path)
def test_a_page_is_json_and_its_table_csv(ask, own_home, page):
    save_contexts(Contexts({"elsewhere": Context("elsewhere", "127.0.0.1:1")}, None))

    async def story(visitor):
        path = address(page, await filled(visitor))
        shown = await visitor.get(path)
        assert shown.status == 200, shown.text[:300]
        stem = "/overview" if path == "/" else path
        data = (await visitor.get(f"{stem}.json")).json
        assert data["title"]
        assert data["missing"] == []
        assert data["title"] in shown.text
        if "table" not in data:
            return
        found = await visitor.get(f"{stem}.csv")
        assert found.header("content-type").startswith("text/csv")
        lines = list(csv.reader(io.StringIO(found.text)))
        assert lines[0] == data["table"]["columns"]
        assert len(lines) == 1 + data["table"]["matching"]

    ask(story)
