"""The API on a socket of this machine, over an embedded cluster: uvicorn in a thread, asked with the standard library."""

import asyncio
import contextlib
import functools
import http.client
import json
import threading
from urllib.parse import unquote, urlencode

import jsonschema_rs
import uvicorn
from starlette.applications import Starlette

import web.api
from console.audit import AuditLog
from console.client_config import client_config
from console.open_cluster import OpenCluster
from console.target import Target
from web.api.openapi import document
from web.api.router import ApiRoutes
from web.clusters import Clusters
from web.security.closing import HEAD_BYTES_MAX
from web.security.slow_clients import ConsoleProtocol


@functools.cache
def the_document():
    web.api.routes()
    return document()


def operation_of(method, path):
    """The operation at an address."""
    parts = [unquote(each) for each in path.partition("?")[0].lstrip("/").split("/")]
    return ApiRoutes().find(parts).operations[method]


def described(method, path, answer):
    operation = operation_of(method, path)
    responses = the_document()["paths"][operation.path][method.lower()]["responses"]
    assert str(answer.status) in responses, (answer, list(responses))
    content = responses[str(answer.status)].get("content", {})
    if answer.headers.get("content-type") != "application/json":
        assert answer.status == 204 or answer.headers["content-type"].partition(";")[0] in content, answer.headers
        return
    schema = content["application/json"]["schema"]
    jsonschema_rs.validator_for({**schema, "components": the_document()["components"]}).validate(answer.json())


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


class Served:
    """`get`, `post` ... to the API; `events` reads a stream; `run` runs a coroutine where the cluster is open."""

    def __init__(self, bootstrap_servers, folder, *, readonly=False, interval_ms=200):
        self._target = Target("test", client_config(bootstrap_servers, {}), readonly)
        self._folder = folder
        self._interval_ms = interval_ms
        self.cluster = None
        self.port = 0
        self.loop = None
        self._ready = threading.Event()
        self._failed = None

    def __enter__(self):
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _main(self):
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed = error
            self._ready.set()
            raise

    async def _serve(self):
        self.loop = asyncio.get_running_loop()
        self.cluster = OpenCluster(
            self._target,
            face="web",
            user="ada",
            audit=AuditLog(self._folder / "audit"),
            interval_ms=self._interval_ms,
            history_path=lambda _: self._folder / "history.duckdb",
        )

        @contextlib.asynccontextmanager
        async def lifespan(app):
            async with self.cluster:
                app.state.clusters = Clusters(self.cluster)
                yield
                await web.api.close()

        app = Starlette(routes=web.api.routes(), lifespan=lifespan)
        config = uvicorn.Config(
            app,
            http=ConsoleProtocol,
            host="127.0.0.1",
            port=0,
            log_level="error",
            loop="asyncio",
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        )
        self._server = uvicorn.Server(config)
        serving = asyncio.ensure_future(self._server.serve())
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():
            self.port = self._server.servers[0].sockets[0].getsockname()[1]
            self._ready.set()
        await serving

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def run(self, coroutine, timeout_s=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)

    def ask(self, method, path, body=None, *, query=None, headers=None, timeout_s=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        with contextlib.closing(connection):
            response = self._send(connection, method, path, body, query, headers)
            return Answer(response.status, response.headers, response.read())

    def checked(self, method, path, body=None, **options):
        """As `ask`; what is answered must be what the document says, or the test fails."""
        answer = self.ask(method, path, body, **options)
        described(method, path, answer)
        return answer

    def _send(self, connection, method, path, body, query, headers):
        if query:
            path = f"{path}?{urlencode(query, doseq=True)}"
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def get(self, path, **query):
        return self.ask("GET", path, query={name.rstrip("_"): value for name, value in query.items()})

    def post(self, path, body=None, **options):
        return self.ask("POST", path, body, **options)

    def put(self, path, body):
        return self.ask("PUT", path, body)

    def delete(self, path):
        return self.ask("DELETE", path)

    @contextlib.contextmanager
    def events(self, method, path, body=None, *, query=None, headers=None, timeout_s=20):
        """Iterates over (event, data, id) of a stream, until it is left."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            response = self._send(connection, method, path, body, query, headers)
            assert response.status == 200, (response.status, response.read())
            yield _events(response)
        finally:
            connection.close()


def _events(response):
    event = {}
    for line in response:
        line = line.decode().rstrip("\n")
        if not line:
            if "data" in event:
                yield event.get("event"), json.loads(event["data"]), event.get("id")
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value
