"""SCRAM as a client: the messages of RFC 5802 (with SHA-256 of RFC 7677, and SHA-512), without channel binding.

    client  n,,n=USER,r=CLIENT_NONCE
    server  r=CLIENT_NONCE+SERVER_NONCE,s=SALT,i=ITERATIONS
    client  c=biws,r=NONCE,p=PROOF
    server  v=SERVER_SIGNATURE    (or e=ERROR)

    salted_password  = PBKDF2(password, salt, iterations)
    client_key       = HMAC(salted_password, "Client Key")
    client_signature = HMAC(H(client_key), auth_message)     PROOF = client_key XOR client_signature
    server_signature = HMAC(HMAC(salted_password, "Server Key"), auth_message)
    auth_message     = client-first-bare "," server-first "," client-final-without-proof

Pure: the nonce comes from outside. User names and passwords are taken as they are in UTF-8, without SASLprep, because
that is what brokers compare with (Kafka: ScramFormatter.normalize).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from enum import Enum, auto

from engine.net.secret import Secret

SCRAM_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
"""Mechanism to the name `hashlib` knows its hash by."""

ITERATIONS_MIN = 4_096
"""Fewer would let whoever poses as the broker try passwords cheaply (RFC 7677; Kafka: ScramMechanism.minIterations)."""
ITERATIONS_MAX = 1_000_000
"""More would only keep our processor busy, for as long as whoever poses as the broker likes."""
NONCE_BYTES = 24
"""Random bytes in a client nonce."""
MESSAGE_BYTES_MAX = 16 * 1024

_SERVER_FIRST = re.compile(r"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})(?:,[A-Za-z]=[^,]*)*")
_SERVER_FINAL = re.compile(r"(?:v=([A-Za-z0-9+/=]+)|e=([^,]+))(?:,[A-Za-z]=[^,]*)*")
_CHANNEL_BINDING = b64encode(b"n,,").decode()


class ScramError(Exception):
    """The broker's message is not what SCRAM prescribes, or does not prove that the broker knows the password."""


class ScramRefused(ScramError):
    """The broker says that it will not let us in (`e=`)."""


class _State(Enum):
    START = auto()
    SENT_FIRST = auto()
    SENT_FINAL = auto()
    COMPLETE = auto()
    FAILED = auto()


class ScramClient:
    """One exchange: `first()`, `final(server_first)`, `verify(server_final)`, in this order and each once.

    `nonce` is printable ASCII without commas, never used before. Raises ScramError, after which it is of no use.
    """

    def __init__(self, mechanism: str, username: str, password: Secret, nonce: str) -> None:
        if not nonce or not all("\x21" <= c <= "\x7e" and c != "," for c in nonce):
            raise ValueError("a SCRAM nonce is printable ASCII without commas")
        self.mechanism = mechanism
        self._hash = SCRAM_HASHES[mechanism]
        self._username = username
        self._password = password
        self._nonce = nonce
        self._first_bare = f"n={_sasl_name(username)},r={nonce}"
        self._server_signature = b""
        self._state = _State.START

    @property
    def is_complete(self) -> bool:
        """Both sides have proved that they know the password."""
        return self._state is _State.COMPLETE

    def first(self) -> bytes:
        self._go(_State.START, _State.SENT_FIRST)
        return f"n,,{self._first_bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The proof that we know the password. Works for as long as the broker's iteration count asks (bounded)."""
        self._go(_State.SENT_FIRST, _State.FAILED)
        text = _text(server_first)
        match = _SERVER_FIRST.fullmatch(text)
        if match is None:
            raise ScramError("the broker's first SCRAM message cannot be read")
        nonce, iterations = match[1], int(match[3])
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise ScramError("the broker's nonce does not continue ours: its message belongs to another exchange")
        if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
            raise ScramError(f"the broker asks for {iterations} iterations, outside {ITERATIONS_MIN}..{ITERATIONS_MAX}")
        salt = _bytes(match[2], "salt")
        without_proof = f"c={_CHANNEL_BINDING},r={nonce}"
        auth_message = f"{self._first_bare},{text},{without_proof}".encode()
        salted = hashlib.pbkdf2_hmac(self._hash, self._password.reveal().encode(), salt, iterations)
        client_key = self._hmac(salted, b"Client Key")
        client_signature = self._hmac(hashlib.new(self._hash, client_key).digest(), auth_message)
        proof = bytes(a ^ b for a, b in zip(client_key, client_signature, strict=True))
        self._server_signature = self._hmac(self._hmac(salted, b"Server Key"), auth_message)
        self._state = _State.SENT_FINAL
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        """Raises ScramRefused when the broker refuses, ScramError when it does not prove that it knows the password."""
        self._go(_State.SENT_FINAL, _State.FAILED)
        match = _SERVER_FINAL.fullmatch(_text(server_final))
        if match is None:
            raise ScramError("the broker's last SCRAM message cannot be read")
        if match[2] is not None:
            raise ScramRefused(match[2][:200])
        if not hmac.compare_digest(_bytes(match[1], "signature"), self._server_signature):
            raise ScramError("the broker's signature is wrong: it does not know the password, or is another")
        self._state = _State.COMPLETE

    def _go(self, due: _State, then: _State) -> None:
        if self._state is not due:
            self._state = _State.FAILED
            raise ScramError("a SCRAM message out of order")
        self._state = then

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._hash)


def _sasl_name(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _text(message: bytes) -> str:
    if len(message) > MESSAGE_BYTES_MAX:
        raise ScramError(f"the broker's SCRAM message has {len(message)} bytes, more than {MESSAGE_BYTES_MAX}")
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError:
        raise ScramError("the broker's SCRAM message is not text") from None


def _bytes(text: str, what: str) -> bytes:
    try:
        decoded = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise ScramError(f"the broker's SCRAM {what} is not base64")
    return decoded
