"""The class path of Apache Kafka 4.3 for the tests marked `java`: clients, server, tools and what they need.

The jars come from Maven Central once (`pom.xml`), into `.cache/java/<version>` at the project's root. Where there is no
JVM, no Maven or no network, `kafka_classpath` skips the test and says why.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

KAFKA_VERSION = "4.3.0"
ROOT = Path(__file__).resolve().parents[2]
JARS = ROOT / ".cache" / "java" / KAFKA_VERSION
_COMPLETE = JARS / "complete"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_FETCH_SECONDS_MAX = 600


def kafka_classpath() -> str:
    """The class path as `java -cp` takes it. Skips the running test when it cannot be had."""
    if shutil.which("java") is None:
        pytest.skip("there is no java on the PATH")
    if not _COMPLETE.exists():
        _fetch()
    return f"{JARS}/*"


def _fetch() -> None:
    if shutil.which("mvn") is None:
        pytest.skip(f"Apache Kafka's jars are not in {JARS}, and there is no mvn to fetch them with")
    command = ["mvn", "-q", "-B", "-f", str(Path(__file__).with_name("pom.xml")), _COPY]
    command += [f"-DoutputDirectory={JARS}", "-DincludeScope=runtime", f"-Dkafka.version={KAFKA_VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"Maven did not fetch Apache Kafka's jars within {_FETCH_SECONDS_MAX} s")
    if done.returncode != 0:
        pytest.skip(f"Maven could not fetch Apache Kafka's jars: {(done.stdout + done.stderr)[-500:]}")
    _COMPLETE.touch()


def run_java(main_class: str, *arguments: str, jvm_options: Sequence[str] = (), seconds_max: int = 120) -> str:
    """Run a class of Kafka's and return what it printed, both streams. Fails the test when it exits with an error."""
    command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *jvm_options]
    command += ["-cp", kafka_classpath(), main_class, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds_max, check=False)
    assert done.returncode == 0, (
        f"{main_class} exited with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout + done.stderr
