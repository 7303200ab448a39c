"""One GET over HTTP/1.1 or HTTPS, bounded in time and size.

The standard library's client on a worker thread: schemas are asked for once and then kept, and it follows no redirect
and no proxy. When the time is up its socket is shut, so that no thread stays behind.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import socket
import ssl

from console.errors import Blame, OperatorError
from console.schema_registry.config import RegistryConfig

ANSWER_BYTES_MAX = 8 * 1024 * 1024
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"


async def get(config: RegistryConfig, path: str) -> tuple[int, bytes]:
    """Status and body of `path` (quoted, with its query). Raises OperatorError when there is no answer."""
    connection = _connection(config)
    try:
        async with asyncio.timeout(config.timeout_ms / 1000):
            return await asyncio.to_thread(_exchange, connection, config, path)
    except TimeoutError as error:
        raise _unreachable(config, f"no answer within {config.timeout_ms} ms") from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(config, str(error) or type(error).__name__) from error
    finally:
        _shut(connection)


def _connection(config: RegistryConfig) -> http.client.HTTPConnection:
    timeout_s = config.timeout_ms / 1000
    if not config.is_tls:
        return http.client.HTTPConnection(config.host, config.port, timeout=timeout_s)
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.certificate_file is not None:
            context.load_cert_chain(config.certificate_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError("the certificates for the schema registry cannot be read", str(error)) from error
    return http.client.HTTPSConnection(config.host, config.port, timeout=timeout_s, context=context)


def _exchange(connection: http.client.HTTPConnection, config: RegistryConfig, path: str) -> tuple[int, bytes]:
    headers = {"Accept": _ACCEPT, "Connection": "close"}
    if config.bearer_token is not None:
        headers["Authorization"] = f"Bearer {config.bearer_token}"
    elif config.user is not None:
        credentials = f"{config.user}:{config.password or ''}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode("ascii")
    try:
        connection.request("GET", config.path + path, headers=headers)
        response = connection.getresponse()
        body = response.read(ANSWER_BYTES_MAX + 1)
    except ValueError as error:
        # Of http.client, for a header with a line end in it: a token that was pasted badly.
        raise http.client.HTTPException("the credentials cannot be sent") from error
    if len(body) > ANSWER_BYTES_MAX:
        raise http.client.HTTPException(f"an answer of more than {ANSWER_BYTES_MAX:,} bytes")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return response.status, body


def _shut(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    connection.close()


def _unreachable(config: RegistryConfig, reason: str) -> OperatorError:
    return OperatorError(
        f"the schema registry at {config.url} cannot be reached",
        reason,
        "Is it running, and is the URL right?",
        blame=Blame.UNREACHABLE,
    )
