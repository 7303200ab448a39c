"""A schema registry in memory on a port of its own: what Confluent's clients ask of one, and faults on demand.

It was judged by confluent_kafka.schema_registry: its serializers register here, and the bytes that they wrote are in
`test_registered.py`.
"""

import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


def guid_of(number):
    return str(uuid.UUID(int=(0xABCD << 64) | number))


class FakeRegistry:
    """`add` schemas; `requests` is what was asked, `authorizations` how it was signed."""

    def __init__(self, url):
        self.url = url
        self.schemas = {}
        self.subjects = {}
        self.requests = []
        self.authorizations = []
        self.override = None
        """(status, headers, body) for every request."""

    def add(self, subject, schema, kind="AVRO", references=()):
        entry = {"schema": schema, "schemaType": kind, "references": list(references)}
        number = next((each for each, known in self.schemas.items() if known == entry), len(self.schemas) + 1)
        self.schemas[number] = entry
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def answer(self, method, path, body):
        parts = [unquote(each) for each in urlsplit(path).path.strip("/").split("/")]
        match method, parts:
            case "GET", ["schemas", "ids", number] if int(number) in self.schemas:
                return 200, self._shown(int(number))
            case "GET", ["schemas", "guids", guid] if any(guid == guid_of(each) for each in self.schemas):
                return 200, self._shown(next(each for each in self.schemas if guid == guid_of(each)))
            case "GET", ["subjects", subject, "versions", version] if subject in self.subjects:
                versions = self.subjects[subject]
                number = versions[-1] if version == "latest" else versions[int(version) - 1]
                return 200, self._named(subject, number)
            case ("POST", ["subjects", subject, "versions"]) | ("POST", ["subjects", subject]):
                given = json.loads(body)
                number = self.add(
                    subject, given["schema"], given.get("schemaType", "AVRO"), given.get("references") or ()
                )
                return 200, self._named(subject, number)
        return 404, {"error_code": 40403, "message": "Schema not found"}

    def _shown(self, number):
        return {**self.schemas[number], "guid": guid_of(number)}

    def _named(self, subject, number):
        version = self.subjects[subject].index(number) + 1
        return {**self._shown(number), "subject": subject, "version": version, "id": number}


@contextmanager
def fake_registry():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._do("GET")

        def do_POST(self):
            self._do("POST")

        def _do(self, method):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            registry.requests.append(self.path)
            registry.authorizations.append(self.headers.get("Authorization"))
            if registry.override is not None:
                status, headers, content = registry.override
            else:
                status, answer = registry.answer(method, self.path, body)
                headers, content = {}, json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry = FakeRegistry(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
