"""Secrets: the console's token and the passwords of its client are in no log, no page, no answer and no error."""

import asyncio
import logging

import pytest

from console.audit import AuditLog
from console.client_config import client_config
from console.open_cluster import OpenCluster
from console.target import Target
from tests.unit.web.visitor import Visitor
from web.app import create_app
from web.clusters import Clusters

TOKEN = "token-that-nobody-else-sees"
PASSWORD = "hunter2-of-the-client"
REGISTRY = "hunter3-of-the-registry"

PROPERTIES = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="ada" password="{PASSWORD}";',
    "schema.registry.url": "http://127.0.0.1:1",
    "schema.registry.basic.auth.user.info": f"ada:{REGISTRY}",
}

PLACES = [
    "/", "/brokers", "/topics", "/topics/x", "/topics/x/records", "/groups", "/quorum", "/configs", "/sql", "/audit",
    "/contexts", "/contexts.json", "/contexts/x", "/nowhere", "/changes/none", "/topics.csv", "/overview.json", "/metrics",
    "/v3/clusters", "/api/overview", "/api/topics", "/api/audit", "/api/records?topic=x", "/api/sql/tables", "/openapi.json",
]  # fmt: skip


def visits(story, tmp_path):
    async def main():
        opened = OpenCluster(
            Target("guarded", client_config("127.0.0.1:1", PROPERTIES)),
            face="web",
            interval_ms=50,
            audit=AuditLog(tmp_path / "audit.jsonl"),
            history_path=lambda _: None,
            pids=lambda: None,
        )
        async with opened:
            app = create_app(Clusters(opened), token=TOKEN)
            return await story(Visitor(app, headers={"authorization": f"Bearer {TOKEN}"}))

    return asyncio.run(asyncio.wait_for(main(), 110))


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join([caplog.text, *(repr(each.args) for each in caplog.records)])


def test_no_page_answer_error_or_log_has_a_secret_of_the_client_or_the_token(tmp_path, logged):
    async def story(visitor):
        for path in PLACES:
            for accept in ("text/html", "application/json"):
                answer = await visitor.get(path, headers={"accept": accept})
                everything = answer.text + repr(answer.headers)
                for secret in (TOKEN, PASSWORD, REGISTRY):
                    assert secret not in everything, path

    visits(story, tmp_path)
    for secret in (TOKEN, PASSWORD, REGISTRY):
        assert secret not in logged()


def test_a_page_that_fails_logs_neither_its_query_nor_what_looks_like_another_line(tmp_path, logged):
    async def story(visitor):
        async def fails(request):
            raise RuntimeError("first\nCRITICAL forged line")

        visitor.app.router.routes.insert(0, _route("/fails/{rest:path}", fails))
        answer = await visitor.get(f"/fails/a?q={PASSWORD}")
        assert answer.status == 500
        assert "forged" not in answer.text
        assert "Traceback" not in answer.text

    with pytest.raises(RuntimeError):
        # Starlette's outermost layer raises it again for the server, after the answer.
        visits(story, tmp_path)
    said = logged()
    assert "failed at" in said
    assert PASSWORD not in said
    assert "\nCRITICAL forged" not in said


def _route(path, handler):
    from starlette.routing import Route

    return Route(path, handler)


def test_the_token_that_came_in_the_address_is_taken_out_of_it_and_not_logged(tmp_path, logged):
    async def story(visitor):
        stranger = Visitor(visitor.app)
        for path in (f"/topics?token={TOKEN}", f"/nowhere?token={TOKEN}&q=1"):
            answer = await stranger.get(path)
            assert answer.status == 303
            assert TOKEN not in repr(answer.headers)
        assert (await stranger.get(f"/topics?token={TOKEN[:-1]}")).status == 401

    visits(story, tmp_path)
    assert TOKEN[:-1] not in logged()


def test_the_address_that_a_browser_is_started_with_has_not_the_token(tmp_path):
    """It is an argument of a process: everybody on the machine can read it."""
    from web.server import ConsoleServer

    async def story(visitor):
        server = ConsoleServer(visitor.app, host="127.0.0.1", port=0)
        address = server.open_url(TOKEN)
        assert TOKEN in server.url(TOKEN)
        assert TOKEN not in address
        assert (await Visitor(visitor.app).get("/?" + address.partition("?")[2])).status == 303
        assert server.open_url(None) == server.url(None)

    visits(story, tmp_path)


def test_the_server_keeps_no_log_of_requests(tmp_path):
    """Access logs have addresses in them, and the first address has the token."""
    from web.server import ConsoleServer

    async def story(visitor):
        server = ConsoleServer(visitor.app, host="127.0.0.1", port=0)
        assert server._server.config.access_log is False

    visits(story, tmp_path)
