"""TLS contexts of clients, from certificates and keys in PEM. Nothing secret is left on a disk."""

from __future__ import annotations

import re
import ssl

from engine.net.secret import Secret
from engine.runtime.private_file import private_file

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")


class TlsSettingsError(ValueError):
    """Certificates or a key that cannot be used. Says what is wrong, without any of their content."""


def client_tls_context(
    *,
    trusted: str | None = None,
    certificate_chain: str | None = None,
    key: Secret | None = None,
    key_password: Secret | None = None,
    check_hostname: bool = True,
) -> ssl.SSLContext:
    """A context for connections to brokers: TLS 1.2 or newer, the broker's certificate always verified.

    `trusted`: the certificates of the authorities, None for those the system trusts. `certificate_chain` and `key`: what
    we show when the broker asks (mutual TLS). All of it in PEM; text outside of PEM blocks does not matter.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_hostname
    if trusted is None:
        context.load_default_certs()
    else:
        authorities = pem_blocks(trusted, "CERTIFICATE")
        if not authorities:
            raise TlsSettingsError("there is no certificate in PEM among those to trust")
        try:
            context.load_verify_locations(cadata=authorities)
        except ssl.SSLError:
            raise TlsSettingsError("a certificate to trust cannot be read") from None
    if (certificate_chain is None) != (key is None):
        raise TlsSettingsError("a certificate needs its private key, and a key its certificate")
    if certificate_chain is not None and key is not None:
        _load_own(context, certificate_chain, key, key_password)
    return context


def tls_words(error: Exception) -> str | None:
    """Why a TLS connection failed, for people; None when TLS is not the reason."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        return _REASONS.get(reason, f"TLS failed: {reason.replace('_', ' ').lower()}")
    return None


_NO_TLS = "the broker does not speak TLS there"
_CERTIFICATE_WANTED = "the broker wants a certificate from us (ssl.keystore.*)"
_CERTIFICATE_REFUSED = "the broker does not accept our certificate, or wants one and got none (ssl.keystore.*)"
_REASONS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CERTIFICATE_WANTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _CERTIFICATE_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _CERTIFICATE_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": _CERTIFICATE_REFUSED,
}


def pem_blocks(text: str, kind: str) -> str:
    """The blocks whose label ends in `kind` ("CERTIFICATE", "PRIVATE KEY") one after the other, "" when there is none.

    Lines may have been joined, as they are in properties files.
    """
    found = []
    for label, body in _BLOCK.findall(text):
        if not label.endswith(kind):
            continue
        if _BASE64.fullmatch(body):
            packed = "".join(body.split())
            body = "\n" + "\n".join(packed[at : at + 64] for at in range(0, len(packed), 64)) + "\n"
        found.append(f"-----BEGIN {label}-----{body}-----END {label}-----\n")
    return "".join(found)


def _load_own(context: ssl.SSLContext, chain: str, key: Secret, password: Secret | None) -> None:
    certificates, private = pem_blocks(chain, "CERTIFICATE"), pem_blocks(key.reveal(), "PRIVATE KEY")
    if not certificates:
        raise TlsSettingsError("there is no certificate in PEM")
    if not private:
        raise TlsSettingsError("there is no private key in PEM")
    asked = False

    def give_password() -> str:
        # Always given: without it OpenSSL would ask on the terminal.
        nonlocal asked
        asked = True
        return password.reveal() if password is not None else ""

    with private_file(private + certificates) as path:
        try:
            context.load_cert_chain(path, password=give_password)
        except (ssl.SSLError, ValueError, OSError) as error:
            if asked:
                words = "the password of the private key is wrong" if password else "the private key needs a password"
            elif getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
                words = "the private key is not that of the certificate"
            else:
                words = "the certificate or its private key cannot be read"
            raise TlsSettingsError(words) from None
