"""Addresses that somebody names (SSRF): the console goes where its contexts and its cluster lead, not where a request says,
and reads no files out to whoever names them."""

import asyncio

import pytest

from web.pages.contexts import read_context

pytestmark = pytest.mark.usefixtures("own_home")


class Canary:
    """Listens, and counts who comes."""

    async def __aenter__(self):
        self.visits = 0
        self._server = await asyncio.start_server(self._visited, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    def _visited(self, reader, writer):
        self.visits += 1
        writer.close()


def test_no_address_in_a_request_is_gone_to(ask):
    async def story(visitor):
        async with Canary() as canary:
            there = canary.address
            for path in (
                f"/clusters/{there}/topics", f"/v3/clusters/{there}/topics", f"/clusters/{there}/api/overview",
                f"/topics?bootstrap_servers={there}", f"/api/overview?bootstrap_servers={there}",
                f"/api/records?topic=http://{there}/", f"/topics/http:%2F%2F{there}%2F/records",
            ):  # fmt: skip
                for accept in ("text/html", "application/json"):
                    answer = await visitor.get(path, headers={"accept": accept})
                    assert answer.status in (200, 400, 404), (path, answer.text[:300])
            for body in (
                {"sql": f"select * from 'http://{there}/x.csv'"},
                {"sql": f"select * from read_csv('http://{there}/x.csv')"},
            ):
                await visitor.post("/api/sql", data=body, headers={"accept": "application/json"})
            change = {"kind": "create-topic", "topic": {"name": "a", "bootstrap_servers": there}}
            assert (await visitor.post("/changes", data=change)).status == 400
            for headers in ({"host": there}, {"x-forwarded-host": there}, {"forwarded": f"host={there}"}):
                await visitor.get("/topics", headers=headers)
            assert canary.visits == 0

    ask(story)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://127.0.0.1:25/_x", "ftp://h/x", "dict://h:1/", "//h/x", "javascript:alert(1)",
        "http://h/?a=b", "http://h/#a", "http://h/\r\nX: y", "http://user:password@h/", "http://", "unix:/run/docker.sock",
    ],
)  # fmt: skip
def test_a_registry_is_an_http_address_and_nothing_more(url):
    errors = {}
    assert read_context({"name": "a", "bootstrap_servers": "h:1", "schema_registry": url}, errors) is None
    assert list(errors) == ["schema_registry"]


def test_adding_a_cluster_goes_nowhere_until_it_is_opened(ask):
    async def story(visitor):
        async with Canary() as canary:
            form = {"name": "there", "bootstrap_servers": canary.address, "schema_registry": f"http://{canary.address}"}
            assert (await visitor.post("/contexts-new", form)).status == 303
            assert "there" in (await visitor.get("/contexts")).text
            assert canary.visits == 0

    ask(story)


@pytest.mark.parametrize(
    "content",
    [
        "top-secret:x:0:0\n", "key=top-secret\n", "top-secret", "-----BEGIN KEY-----\ntop-secret\n", "\\u12 top-secret\n",
        "sasl.jaas.config=top-secret\nsecurity.protocol=SASL_SSL\n", "sasl.password=top-secret\nsecurity.protocol=SSL\n",
    ],
)  # fmt: skip
def test_a_file_named_as_client_properties_is_not_read_out(ask, tmp_path, content):
    """Wrong values of the properties that Kafka's clients know, like request.timeout.ms, are named; nothing else is."""
    secret = tmp_path / "private"
    secret.write_text(content)

    async def story(visitor):
        form = {"name": "a", "bootstrap_servers": "h:1", "command_config": str(secret)}
        for accept in ("text/html", "application/json"):
            answer = await visitor.post("/contexts-new", form, headers={"accept": accept})
            assert answer.status in (303, 422)
            assert "top-secret" not in answer.text

    ask(story)


def test_another_page_adds_no_cluster(ask):
    async def story(visitor):
        form = {"name": "evil", "bootstrap_servers": "evil.example:9092"}
        headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert (await visitor.post("/contexts-new", form, headers=headers)).status == 403
        assert "evil" not in (await visitor.get("/contexts.json")).text

    ask(story)
