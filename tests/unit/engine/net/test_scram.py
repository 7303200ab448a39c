"""SCRAM as a client: RFC 5802, RFC 7677."""

import base64
import hashlib
import hmac

import pytest

from engine.net.scram import ITERATIONS_MAX, ITERATIONS_MIN, ScramClient, ScramError, ScramRefused
from engine.net.secret import Secret

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = f"r={SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
CLIENT_FINAL = f"c=biws,r={SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def client(nonce=NONCE, password="pencil", mechanism="SCRAM-SHA-256", username="user"):
    return ScramClient(mechanism, username, Secret(password), nonce)


def begun(**options):
    made = client(**options)
    made.first()
    return made


def answered(**options):
    made = begun(**options)
    made.final(SERVER_FIRST)
    return made


def test_the_exchange_of_the_rfc():
    scram = client()

    assert scram.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert scram.final(SERVER_FIRST) == CLIENT_FINAL
    assert not scram.is_complete
    scram.verify(SERVER_FINAL)
    assert scram.is_complete


@pytest.mark.parametrize(("mechanism", "name"), [("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-512", "sha512")])
def test_a_server_that_keeps_only_the_derived_keys_is_satisfied_and_satisfies(mechanism, name):
    """RFC 5802, section 3: the server recovers the client key from the proof and compares its hash."""
    salt, iterations = b"\x00salt\xff", 8192
    salted = hashlib.pbkdf2_hmac(name, "pässword=,".encode(), salt, iterations)
    stored_key = hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest()
    server_key = hmac.digest(salted, b"Server Key", name)
    scram = client(mechanism=mechanism, username="a=b,c", password="pässword=,")

    first_bare = scram.first().removeprefix(b"n,,")
    server_first = f"r={NONCE}more,s={base64.b64encode(salt).decode()},i={iterations}".encode()
    without_proof, _, proof = scram.final(server_first).rpartition(b",p=")
    auth_message = b",".join([first_bare, server_first, without_proof])
    signature = hmac.digest(stored_key, auth_message, name)
    client_key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))

    assert first_bare == b"n=a=3Db=2Cc,r=" + NONCE.encode()
    assert hashlib.new(name, client_key).digest() == stored_key
    scram.verify(b"v=" + base64.b64encode(hmac.digest(server_key, auth_message, name)))
    assert scram.is_complete


@pytest.mark.parametrize("nonce", ["other", "rOprNGfwEbeRWgbNEkqP-more", "RoPRngFWeBErwGBneKQo-more", NONCE])
def test_a_nonce_that_does_not_continue_ours_is_refused(nonce):
    """The last is ours with nothing added. RFC 5802, section 5.1: the client MUST verify it."""
    with pytest.raises(ScramError, match="nonce"):
        begun().final(f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode())


def test_an_overheard_answer_cannot_be_played_again_in_another_exchange():
    with pytest.raises(ScramError, match="nonce"):
        begun(nonce="another").final(SERVER_FIRST)


def test_an_overheard_signature_does_not_fit_another_exchange():
    scram = begun(nonce="another")
    scram.final(b"r=another-more,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    with pytest.raises(ScramError, match="signature is wrong"):
        scram.verify(SERVER_FINAL)
    assert not scram.is_complete


@pytest.mark.parametrize("final", [b"v=" + base64.b64encode(b"x" * 32), b"v=" + base64.b64encode(b""), b"v=AAAA"])
def test_a_wrong_signature_is_refused(final):
    scram = answered()
    with pytest.raises(ScramError):
        scram.verify(final)
    assert not scram.is_complete


def test_a_broker_that_does_not_know_the_password_is_refused():
    scram = answered(password="another")
    with pytest.raises(ScramError, match="signature is wrong"):
        scram.verify(SERVER_FINAL)


def test_what_the_broker_refuses_is_told_apart():
    with pytest.raises(ScramRefused, match="invalid-proof"):
        answered().verify(b"e=invalid-proof")


@pytest.mark.parametrize("iterations", [0, 1, ITERATIONS_MIN - 1, ITERATIONS_MAX + 1, 2**31, 9_999_999_999])
def test_iterations_are_bounded_both_ways(iterations):
    with pytest.raises(ScramError):
        begun().final(f"r={SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i={iterations}".encode())


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"r=" + SERVER_NONCE.encode(),
        b"m=ext," + SERVER_FIRST,
        SERVER_FIRST.replace(b"s=W", b"s=*"),
        SERVER_FIRST.replace(b"s=W22Z", b"s=W22"),
        SERVER_FIRST.replace(b"i=4096", b"i=-4096"),
        SERVER_FIRST.replace(b"i=4096", b"i=+4096"),
        SERVER_FIRST.replace(b"i=4096", "i=٤٠٩٦".encode()),
        SERVER_FIRST + b",",
        SERVER_FIRST + b"\n",
        SERVER_FIRST + b",x=" + b"y" * 100_000,
        b"e=other-error",
        SERVER_FINAL,
    ],
)
def test_what_is_no_first_message_is_refused(message):
    with pytest.raises(ScramError):
        begun().final(message)


@pytest.mark.parametrize(
    "message", [b"", b"v", b"v=", b"v=*", b"\xff", SERVER_FIRST, b"v=AA,v", b"x=y," + SERVER_FINAL]
)
def test_what_is_no_last_message_is_refused(message):
    with pytest.raises(ScramError):
        answered().verify(message)


def test_nothing_goes_out_of_order_or_twice():
    with pytest.raises(ScramError, match="out of order"):
        client().final(SERVER_FIRST)
    with pytest.raises(ScramError, match="out of order"):
        begun().verify(SERVER_FINAL)
    with pytest.raises(ScramError, match="out of order"):
        answered().final(SERVER_FIRST)
    done = answered()
    done.verify(SERVER_FINAL)
    with pytest.raises(ScramError, match="out of order"):
        done.verify(SERVER_FINAL)
    assert not done.is_complete


def test_a_failed_exchange_stays_failed():
    scram = answered()
    with pytest.raises(ScramError):
        scram.verify(b"v=AAAA")
    with pytest.raises(ScramError, match="out of order"):
        scram.verify(SERVER_FINAL)


@pytest.mark.parametrize("nonce", ["", "a,b", "a b", "é"])
def test_our_own_nonce_has_to_be_one(nonce):
    with pytest.raises(ValueError, match="nonce"):
        client(nonce=nonce)
