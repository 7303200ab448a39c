"""TLS and SASL out of a properties file: what it says when it cannot be honoured, and what it never says."""

import shutil
import ssl

import pytest

from console.client_config import client_config, connect, load_client_properties
from console.errors import Blame, OperatorError, operator_errors
from console.jaas import JaasError, jaas_credentials
from engine.net.cluster_errors import NotAuthenticated
from engine.net.connection_security import PLAINTEXT, SaslCredentials
from engine.net.secret import Secret
from tests.unit.engine.net.guarded_broker import certificates

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
ALICE = 'required username="alice" password="hunter2";'
SASL = "security.protocol=SASL_PLAINTEXT\n"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl")


@pytest.fixture(scope="session")
def pem(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def configured(tmp_path):
    """What a properties file with this text means, and the notes about it."""

    def make(text):
        path = tmp_path / "client.properties"
        path.write_text(text)
        properties, notes = load_client_properties(str(path))
        return client_config("localhost:9092", properties), notes

    return make


def refused(configured, text):
    with pytest.raises(OperatorError) as raised:
        configured(text)
    error = raised.value
    assert error.blame is Blame.WORDS
    said = f"{error.title}\n{error.detail}\n{error.hint}\n{error!r}\n{error.__cause__!r}"
    assert "hunter2" not in said
    return said


# SASL


@pytest.mark.parametrize(
    ("text", "mechanism"),
    [
        (f"sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN} {ALICE}", "PLAIN"),
        (f"sasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config={SCRAM} {ALICE}", "SCRAM-SHA-256"),
        (f"sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={SCRAM} \\\n  required username=\"alice\" \\\n password='hunter2';", "SCRAM-SHA-512"),
        ("sasl.mechanism=PLAIN\nsasl.username=alice\nsasl.password=hunter2", "PLAIN"),
        ("sasl.mechanisms=SCRAM-SHA-512\nsasl.username=alice\nsasl.password=hunter2", "SCRAM-SHA-512"),
    ],
)  # fmt: skip
def test_users_are_named_as_javas_clients_or_as_librdkafka_does(configured, text, mechanism):
    config, notes = configured(SASL + text)
    assert config.security.sasl == SaslCredentials(mechanism, "alice", Secret("hunter2"))
    assert notes == []
    assert "hunter2" not in repr(config)
    assert connect(config).security is config.security


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "sasl.mechanism is missing"),
        ("sasl.mechanism=GSSAPI", "line 2: sasl.mechanism=GSSAPI is not supported"),
        ("sasl.mechanism=OAUTHBEARER", "OAUTHBEARER is not supported"),
        ("sasl.mechanism=PLAIN", "user name or the password for SASL is missing"),
        ("sasl.mechanism=PLAIN\nsasl.password=hunter2", "user name or the password for SASL is missing"),
        (f"sasl.mechanism=PLAIN\nsasl.jaas.config={SCRAM} {ALICE}", "is for SCRAM-SHA-256 and SCRAM-SHA-512"),
        (
            f"sasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config={PLAIN} {ALICE}",
            "is for PLAIN, and sasl.mechanism is SCRAM",
        ),
        (
            f"sasl.mechanism=PLAIN\nsasl.jaas.config=com.sun.security.auth.module.JndiLoginModule {ALICE}",
            "com.sun.security.auth.module.JndiLoginModule is not supported",
        ),
        (f"sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN} {ALICE[:-1]}", "no ; at its end"),
    ],
)
def test_sasl_that_cannot_be_honoured_is_refused_without_the_password(configured, text, said):
    assert said in refused(configured, SASL + text)


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("a", "a", "a"),
        (r"a \"quoted\" \\ one", 'a "quoted" \\ one', 'a "quoted" \\ one'),
        (r"tab\tand\101", "tab\tandA", "tab\tandA"),
        ("with ; and = and // and #", "with ; and = and // and #", "with ; and = and // and #"),
        ("ünïcödé €", "ünïcödé €", "ünïcödé €"),
    ],
)
def test_quoted_values_are_read_as_java_reads_them(text, user, password):
    """Kafka: JaasConfig, with java.io.StreamTokenizer."""
    line = f'{PLAIN} REQUIRED /* who */ username = "{text}" // and\n password="{text}" ;'
    assert jaas_credentials(line, "PLAIN") == (user, password)


@pytest.mark.parametrize(
    "line",
    [
        "",
        ";",
        PLAIN,
        f"{PLAIN} required;",
        f"{PLAIN} username=\"u\" password=\"hunter2\";",
        f'{PLAIN} required username="u";',
        f'{PLAIN} required username="u" password=;',
        f'{PLAIN} required username="u" password "hunter2";',
        f'{PLAIN} required username="u" password="hunter2"',
        f'{PLAIN} required username="u" password="hunter2;',
        f'{PLAIN} required username="u" password=hunter2";',
        f'{PLAIN} required username="u" hunter2="password" password="x";',
        f'{PLAIN} required username="u" password="hunter2"; {PLAIN} required username="u" password="hunter2";',
        f'{PLAIN} required username="u" password="hunter2" user_admin="x";',
    ],
)  # fmt: skip
def test_what_is_no_login_module_is_refused_without_its_values(line):
    with pytest.raises(JaasError) as raised:
        jaas_credentials(line, "PLAIN")
    assert "hunter2" not in str(raised.value)


def test_delegation_tokens_are_refused_by_name():
    with pytest.raises(JaasError, match="delegation tokens"):
        jaas_credentials(f'{SCRAM} required username="u" password="p" tokenauth="true";', "SCRAM-SHA-256")


# TLS


@needs_openssl
def test_certificates_come_from_files_or_from_the_properties_themselves(configured, pem):
    def line(name):
        return pem[name].read_text().replace("\n", "\\n")

    both = pem["client"].parent / "both"
    both.write_text(pem["client"].read_text() + pem["client_locked"].read_text())
    stores = "ssl.truststore.type=PEM\nssl.keystore.type=PEM\n"
    for text in (
        f"{stores}ssl.truststore.location={pem['ca']}\nssl.keystore.location={both}\nssl.key.password=sesame",
        f"{stores}ssl.truststore.certificates={line('ca')}\nssl.keystore.certificate.chain={line('client')}\nssl.keystore.key={line('client_key')}",
        f"ssl.ca.location={pem['ca']}\nssl.certificate.location={pem['client']}\nssl.key.location={pem['client_key']}",
        f"ssl.ca.pem={line('ca')}\nssl.certificate.pem={line('client')}\nssl.key.pem={line('client_key')}",
    ):
        config, notes = configured(f"security.protocol=ssl\n{text}")
        tls = config.security.tls
        assert (config.security.protocol, notes) == ("SSL", [])
        assert [each["subject"] for each in tls.get_ca_certs()] == [((("commonName", "ca"),),)]
        assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)


@needs_openssl
@pytest.mark.parametrize("value", ["", "none"])
def test_host_names_can_be_left_unchecked_but_not_in_silence(configured, pem, value):
    config, notes = configured(
        f"security.protocol=SSL\nssl.ca.location={pem['ca']}\nssl.endpoint.identification.algorithm={value}"
    )
    assert config.security.tls.check_hostname is False
    assert config.security.tls.verify_mode is ssl.CERT_REQUIRED
    assert [note.partition(": ")[2] for note in notes] == [
        "the brokers' host names are not checked against their certificates"
    ]


def test_without_a_truststore_the_system_is_trusted(configured):
    config, _ = configured("security.protocol=SSL\n")
    assert config.security.tls.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("text", "said", "way_out"),
    [
        ("ssl.truststore.location=/x.jks\nssl.truststore.password=hunter2", "JKS, the default,", "keytool -list -rfc"),
        ("ssl.truststore.type=PKCS12\nssl.truststore.location=/x.p12", "PKCS12 and only PEM", "keytool -list -rfc"),
        ("ssl.keystore.type=JKS\nssl.keystore.location=/x.jks", "JKS and only PEM", "openssl pkcs12"),
        ("ssl.ca.location=/nope/ca.pem", "line 2: cannot read /nope/ca.pem", "No such file"),
        ("ssl.ca.location=/dev/null", "/dev/null is not a PEM file", ""),
        ("ssl.ca.pem=hunter2", "no certificate in PEM among those to trust", "ssl.ca.pem"),
        ("ssl.key.pem=hunter2", "needs its private key", "ssl.key.pem"),
        ("ssl.endpoint.identification.algorithm=ldaps", "algorithm=ldaps is not known", "https"),
    ],
)
def test_tls_that_cannot_be_honoured_is_refused_with_the_way_out(configured, text, said, way_out):
    words = refused(configured, f"security.protocol=SSL\n{text}")
    assert said in words
    assert way_out in words


def test_what_has_no_effect_is_said(configured):
    text = (
        "ssl.protocol=TLSv1.3\nsasl.mechanism=PLAIN\nenable.ssl.certificate.verification=false\n"
        "sasl.kerberos.service.name=kafka\nssl.truststore.password=hunter2\n"
    )
    _, notes = configured(f"security.protocol=SSL\n{text}")
    assert [note.partition(": ")[2] for note in notes] == [
        "ssl.protocol has no effect here",
        "sasl.mechanism has no effect with security.protocol=SSL",
        "enable.ssl.certificate.verification has no effect: certificates are always verified",
        "sasl.kerberos.service.name has no effect here",
        "ssl.truststore.password has no effect here",
    ]
    assert not any("hunter2" in note for note in notes)


def test_without_security_there_is_none(configured):
    config, notes = configured("acks=all\n")
    assert config.security is PLAINTEXT
    assert notes == []


def test_who_is_not_let_in_is_told_where_the_password_comes_from():
    with pytest.raises(OperatorError) as raised, operator_errors("topics"):
        raise NotAuthenticated({"kafka:9092": "Authentication failed"})
    assert raised.value.title == "kafka:9092 does not let us in"
    assert raised.value.detail == "Authentication failed"
    assert "--command-config" in raised.value.hint
    assert raised.value.blame is Blame.REFUSED
