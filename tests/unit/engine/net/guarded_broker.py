"""A broker behind SASL or TLS that speaks our own protocol classes, and lies where a test wants it to; certificates for it."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
import secrets
import ssl
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.protocol.api import ApiKey, request_class
from engine.protocol.headers import decode_request_header, encode_response
from engine.protocol.messages import (
    ApiVersionsResponse,
    MetadataResponse,
    SaslAuthenticateResponse,
    SaslHandshakeResponse,
)

USERS = {"alice": "pass,word=€"}
OFFERED = {ApiKey.METADATA: 12, ApiKey.API_VERSIONS: 4, ApiKey.SASL_HANDSHAKE: 1, ApiKey.SASL_AUTHENTICATE: 2}
BEFORE_SIGNING_IN = (ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE)

Reply = Any
"""A response, bytes to be written as they are, or None to close."""


class GuardedBroker:
    """Listens on a free port of the loopback; an asynchronous context manager.

    `lies`: API key to what is answered in place of the truth, called with the request. `tokens` holds every auth_bytes
    received, `served` every other API key in order.
    """

    def __init__(
        self,
        *,
        mechanisms: tuple[str, ...] = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        tls: ssl.SSLContext | None = None,
        session_lifetime_ms: int = 0,
        iterations: int = 4096,
        offered: dict[ApiKey, int] | None = None,
    ) -> None:
        self.mechanisms = mechanisms
        self.tls = tls
        self.session_lifetime_ms = session_lifetime_ms
        self.iterations = iterations
        self.offered = OFFERED if offered is None else offered
        self.users = dict(USERS)
        self.lies: dict[ApiKey, Callable[[Any], Reply]] = {}
        self.tokens: list[bytes] = []
        self.served: list[ApiKey] = []
        self.delay_seconds = 0.0
        """Before Metadata is answered."""
        self.port = 0

    async def __aenter__(self) -> GuardedBroker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self)
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                if not 0 <= size < 100_000_000:
                    return
                frame = await reader.readexactly(size)
                header, position = decode_request_header(frame)
                key = ApiKey(header.api_key)
                request = request_class(key).decode(memoryview(frame)[position:], header.api_version)
                if key is ApiKey.METADATA:
                    await asyncio.sleep(self.delay_seconds)
                reply = self.lies[key](request) if key in self.lies else session.answer(key, request)
                if reply is None:
                    return
                if isinstance(reply, bytes):
                    writer.write(reply)
                else:
                    writer.writelines(encode_response(key, header.api_version, header.correlation_id, reply))
        except (EOFError, OSError):
            pass
        finally:
            writer.close()


class _Session:
    """One connection: how far it got."""

    def __init__(self, broker: GuardedBroker) -> None:
        self.broker = broker
        self.mechanism = ""
        self.is_in = not broker.mechanisms
        self.first: tuple[str, str] | None = None

    def answer(self, key: ApiKey, request: Any) -> Reply:
        broker = self.broker
        if key not in (ApiKey.SASL_AUTHENTICATE,):
            broker.served.append(key)
        if not self.is_in and key not in BEFORE_SIGNING_IN:
            return None
        if key is ApiKey.API_VERSIONS:
            keys = [
                ApiVersionsResponse.ApiVersion(api_key=int(each), min_version=0, max_version=highest)
                for each, highest in broker.offered.items()
            ]
            return ApiVersionsResponse(api_keys=keys)
        if key is ApiKey.SASL_HANDSHAKE:
            self.is_in = False
            self.mechanism = request.mechanism
            known = request.mechanism in broker.mechanisms
            code = 0 if known else 33 if broker.mechanisms else 34
            return SaslHandshakeResponse(error_code=code, mechanisms=list(broker.mechanisms))
        if key is ApiKey.SASL_AUTHENTICATE:
            broker.tokens.append(bytes(request.auth_bytes))
            return self._authenticate(bytes(request.auth_bytes))
        return MetadataResponse(
            brokers=[MetadataResponse.MetadataResponseBroker(node_id=1, host="127.0.0.1", port=broker.port)],
            cluster_id="guarded",
            controller_id=1,
        )

    def _authenticate(self, token: bytes) -> Any:
        lifetime = self.broker.session_lifetime_ms
        if self.mechanism == "PLAIN":
            authorized, user, password = token.decode().split("\0")
            if authorized or self.broker.users.get(user) != password:
                return refused()
            self.is_in = True
            return SaslAuthenticateResponse(session_lifetime_ms=lifetime)
        if self.first is None:
            text = token.decode()
            name = dict(part.split("=", 1) for part in text.split(",")[2:])
            nonce = name["r"] + secrets.token_urlsafe(18)
            salt = base64.b64encode(b"salt of " + name["n"].encode()).decode()
            self.first = (text.removeprefix("n,,"), f"r={nonce},s={salt},i={self.broker.iterations}")
            return SaslAuthenticateResponse(auth_bytes=self.first[1].encode())
        return self._prove(token.decode(), self.first, lifetime)

    def _prove(self, final: str, first: tuple[str, str], lifetime: int) -> Any:
        self.first = None
        digest = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}[self.mechanism]
        client_first, server_first = first
        fields = dict(part.split("=", 1) for part in f"{client_first},{server_first}".split(","))
        without_proof, _, proof = final.rpartition(",p=")
        user = fields["n"].replace("=2C", ",").replace("=3D", "=")
        password = self.broker.users.get(user, "")
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        stored = hashlib.new(digest, hmac.digest(salted, b"Client Key", digest)).digest()
        auth_message = f"{client_first},{server_first},{without_proof}".encode()
        signature = hmac.digest(stored, auth_message, digest)
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        if hashlib.new(digest, key).digest() != stored or not without_proof.endswith(f"r={fields['r']}"):
            return refused()
        self.is_in = True
        proof_of_ours = hmac.digest(hmac.digest(salted, b"Server Key", digest), auth_message, digest)
        return SaslAuthenticateResponse(
            auth_bytes=b"v=" + base64.b64encode(proof_of_ours), session_lifetime_ms=lifetime
        )


def refused(words: str = "Authentication failed: Invalid username or password") -> Any:
    return SaslAuthenticateResponse(error_code=58, error_message=words)


# Certificates


@functools.cache
def certificates(directory: Path) -> dict[str, Path]:
    """PEM files made with openssl: `ca`, `other_ca`, `server` (localhost and 127.0.0.1), `elsewhere` (kafka.example),
    `client`; each with its key as NAME_key, the client's also locked by the password "sesame" as `client_locked`."""
    for name in ("ca", "other_ca"):
        _openssl(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}_key.pem", "-out",
                 f"{name}.pem", "-subj", f"/CN={name}", "-days", "2")  # fmt: skip
    for name, names in (
        ("server", "DNS:localhost,IP:127.0.0.1"),
        ("elsewhere", "DNS:kafka.example"),
        ("client", "DNS:client"),
    ):
        extensions = directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl(directory, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}_key.pem", "-out", f"{name}.csr",
                 "-subj", f"/CN={name}")  # fmt: skip
        _openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca_key.pem", "-CAcreateserial",
                 "-out", f"{name}.pem", "-days", "2", "-extfile", extensions.name)  # fmt: skip
    _openssl(directory, "pkcs8", "-topk8", "-in", "client_key.pem", "-out", "client_locked.pem", "-v2", "aes-256-cbc",
             "-passout", "pass:sesame")  # fmt: skip
    return {path.stem: path for path in sorted(directory.glob("*.pem"))}


def server_context(pem: dict[str, Path], name: str = "server", *, asks_for_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem[name], pem[f"{name}_key"])
    if asks_for_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pem["ca"])
    return context


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True, timeout=60)
