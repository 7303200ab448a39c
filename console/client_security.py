"""TLS and SASL out of a Kafka client properties file: the names of Java's clients, and those of librdkafka.

What cannot be honoured is refused with its way out; no error and no note repeats a password or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import Blame, OperatorError
from console.jaas import JaasError, jaas_credentials
from engine.config.properties import Properties
from engine.net.connection_security import (
    PLAINTEXT,
    SASL_MECHANISMS,
    SECURITY_PROTOCOLS,
    ConnectionSecurity,
    SaslCredentials,
)
from engine.net.secret import Secret

if TYPE_CHECKING:
    import ssl

_SASL = frozenset({"sasl.mechanism", "sasl.mechanisms", "sasl.jaas.config", "sasl.username", "sasl.password"})
_TLS = frozenset(
    {
        "ssl.endpoint.identification.algorithm",
        "ssl.key.password",
        *(f"ssl.truststore.{name}" for name in ("type", "location", "certificates")),
        *(f"ssl.keystore.{name}" for name in ("type", "location", "certificate.chain", "key")),
        *(f"ssl.{name}.{form}" for name in ("ca", "certificate", "key") for form in ("location", "pem")),
    }
)
_NO_HOST_NAME = frozenset({"", "none"})
_BYTES_MAX = 4 * 1024 * 1024
"""Of a file with certificates or a key."""

_CONVERT = {
    "ssl.truststore": "Write its certificates as PEM: keytool -list -rfc -keystore FILE > ca.pem\n"
    "and say ssl.truststore.type=PEM and ssl.truststore.location=ca.pem.",
    "ssl.keystore": "Write certificate and key as PEM, if it is JKS by way of PKCS12:\n"
    "keytool -importkeystore -srckeystore FILE -destkeystore client.p12 -deststoretype PKCS12\n"
    "openssl pkcs12 -in client.p12 -out client.pem\n"
    "and say ssl.keystore.type=PEM, ssl.keystore.location=client.pem and ssl.key.password.",
}


def security_protocol(properties: Mapping[str, str]) -> str:
    """Raises OperatorError when it is none of Kafka's."""
    given = properties.get("security.protocol", "PLAINTEXT").strip()
    if given.upper() not in SECURITY_PROTOCOLS:
        words = f"{_place(properties, 'security.protocol')}security.protocol={given} is not one of Kafka's"
        raise OperatorError.words(words, f"One of {', '.join(SECURITY_PROTOCOLS)}.")
    return given.upper()


def is_security_name(name: str) -> bool:
    return name.startswith(("ssl.", "sasl.")) or name == "enable.ssl.certificate.verification"


def counts(name: str, protocol: str) -> bool:
    """Whether the property acts here, with that security protocol."""
    return (name in _SASL and "SASL" in protocol) or (name in _TLS and "SSL" in protocol)


def security_notes(properties: Mapping[str, str]) -> list[str]:
    """What an operator should know about `properties`: what has no effect, and what is less safe than it might be."""
    protocol = security_protocol(properties)
    notes = []
    for name, value in properties.items():
        if is_security_name(name) and not counts(name, protocol):
            why = f" with security.protocol={protocol}" if name in _SASL | _TLS or protocol == "PLAINTEXT" else " here"
            if name == "enable.ssl.certificate.verification" and "SSL" in protocol:
                why = ": certificates are always verified"
            notes.append(f"{_place(properties, name)}{name} has no effect{why}")
        elif name == "ssl.endpoint.identification.algorithm" and value.strip().lower() in _NO_HOST_NAME:
            notes.append(
                f"{_place(properties, name)}the brokers' host names are not checked against their certificates"
            )
    return notes


def connection_security(properties: Mapping[str, str]) -> ConnectionSecurity:
    """What `properties` ask for; reads the files they name. Raises OperatorError."""
    protocol = security_protocol(properties)
    if protocol == "PLAINTEXT":
        return PLAINTEXT
    return ConnectionSecurity(
        protocol,
        _tls(properties) if "SSL" in protocol else None,
        _sasl(properties) if "SASL" in protocol else None,
    )


# SASL


def _sasl(properties: Mapping[str, str]) -> SaslCredentials:
    name = "sasl.mechanism" if "sasl.mechanism" in properties else "sasl.mechanisms"
    mechanism = properties.get(name, "").strip()
    if not mechanism:
        # Kafka's default is GSSAPI, which is not spoken here.
        raise OperatorError.words("sasl.mechanism is missing", f"One of {', '.join(SASL_MECHANISMS)}.")
    if mechanism not in SASL_MECHANISMS:
        raise OperatorError.words(
            f"{_place(properties, name)}{name}={mechanism} is not supported", f"One of {', '.join(SASL_MECHANISMS)}."
        )
    jaas = properties.get("sasl.jaas.config")
    try:
        if jaas is not None:
            username, password = jaas_credentials(jaas, mechanism)
        else:
            username, password = properties.get("sasl.username", ""), properties.get("sasl.password", "")
            if not username or not password:
                raise OperatorError.words(
                    "the user name or the password for SASL is missing",
                    "Both are in sasl.jaas.config, or in sasl.username and sasl.password.",
                )
        return SaslCredentials(mechanism, username, Secret(password))
    except JaasError as error:
        raise OperatorError.words(
            f"{_place(properties, 'sasl.jaas.config')}sasl.jaas.config: {error}",
            'Like org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";',
        ) from None
    except ValueError as error:
        raise OperatorError.words(str(error)) from None


# TLS


def _tls(properties: Mapping[str, str]) -> ssl.SSLContext:
    from engine.net.tls import TlsSettingsError, client_tls_context

    algorithm = properties.get("ssl.endpoint.identification.algorithm", "https").strip().lower()
    if algorithm != "https" and algorithm not in _NO_HOST_NAME:
        name = "ssl.endpoint.identification.algorithm"
        raise OperatorError.words(
            f"{_place(properties, name)}{name}={algorithm} is not known",
            "https, or nothing for no check of host names.",
        )
    trusted = _store(properties, "ssl.truststore", "certificates") or _pem(properties, "ssl.ca")
    chain = _store(properties, "ssl.keystore", "certificate.chain") or _pem(properties, "ssl.certificate")
    key = properties.get("ssl.keystore.key") or _pem(properties, "ssl.key")
    if key is None and properties.get("ssl.keystore.location"):
        key = chain  # one file has both
    password = properties.get("ssl.key.password")
    try:
        return client_tls_context(
            trusted=trusted,
            certificate_chain=chain,
            key=None if key is None else Secret(key),
            key_password=None if not password else Secret(password),
            check_hostname=algorithm == "https",
        )
    except TlsSettingsError as error:
        used = ", ".join(name for name in properties if name in _TLS and name != "ssl.key.password")
        raise OperatorError.words(f"{_source(properties)}{error}", f"It comes from {used}." if used else "") from None


def _store(properties: Mapping[str, str], store: str, inline: str) -> str | None:
    """PEM text of a Java client's store, in a file or in the properties themselves; None when there is none."""
    location, text = properties.get(f"{store}.location", "").strip(), properties.get(f"{store}.{inline}", "")
    if not location and not text:
        return None
    kind = properties.get(f"{store}.type", "JKS").strip()
    if kind.upper() != "PEM":
        given = f"{kind}, the default," if f"{store}.type" not in properties else kind
        name = f"{store}.location" if location else f"{store}.{inline}"
        raise OperatorError.words(
            f"{_place(properties, name)}{store}.type is {given} and only PEM can be read here", _CONVERT[store]
        )
    if location and text:
        raise OperatorError.words(f"{_source(properties)}{store}.location and {store}.{inline} exclude each other")
    return _read(properties, f"{store}.location") if location else text


def _pem(properties: Mapping[str, str], name: str) -> str | None:
    """PEM text as librdkafka's properties give it: NAME.location or NAME.pem."""
    return (
        _read(properties, f"{name}.location") if properties.get(f"{name}.location") else properties.get(f"{name}.pem")
    )


def _read(properties: Mapping[str, str], name: str) -> str:
    path = Path(properties[name].strip()).expanduser()
    place = _place(properties, name)
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(
            f"{place}cannot read {path}", error.strerror or str(error), f"{name} names it.", blame=Blame.WORDS
        ) from None
    if len(content) > _BYTES_MAX or b"-----BEGIN " not in content:
        store = name.rpartition(".")[0]
        raise OperatorError.words(f"{place}{path} is not a PEM file", _CONVERT.get(store, ""))
    return content.decode("latin-1")


def _place(properties: Mapping[str, str], name: str) -> str:
    place = properties.place(name) if isinstance(properties, Properties) else ""
    return f"{place}: " if place else ""


def _source(properties: Mapping[str, str]) -> str:
    return f"{properties.source}: " if isinstance(properties, Properties) and properties.source else ""
