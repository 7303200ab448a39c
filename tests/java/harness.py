"""Kafka's tools in one JVM: `Harness.java` and `Scenarios.java`, compiled once, and the process that runs them."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.java.classpath import JARS, kafka_classpath

SOURCES = sorted(Path(__file__).parent.glob("*.java"))
JVM_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)
SECONDS_MAX = 60


def classpath() -> str:
    """Kafka's class path and our classes'. Skips the test where there is no JVM, no compiler or no network."""
    jars = kafka_classpath()
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()[:16]
    classes = JARS.parent / f"classes-{digest}"
    if not classes.exists():
        if shutil.which("javac") is None:
            pytest.skip("there is no javac on the PATH")
        building = classes.with_suffix(".building")
        command = [
            "javac",
            "-J-Xmx256m",
            "-Xlint:all,-processing",
            "-d",
            str(building),
            "-cp",
            jars,
            *map(str, SOURCES),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        building.rename(classes)
    return f"{classes}:{jars}"


def java(main_class: str, *arguments: str) -> "list[str]":
    """The command that runs a class in a JVM of its own: for what is to be killed."""
    return ["java", *JVM_OPTIONS, "-cp", classpath(), main_class, *arguments]


@dataclass(frozen=True)
class Outcome:
    """What a tool left behind."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def lines(self) -> list[str]:
        """Of its standard output, without blank ones."""
        return [line for line in self.out.splitlines() if line.strip()]


class Jvm:
    """The JVM that runs one tool after the other."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def run(self, main_class: str, *arguments: str, stdin: str = "", code: int | None = 0) -> Outcome:
        """Run a class's main method and expect that exit code (None: any)."""
        process = self._start() if self._process is None else self._process
        request = {"main": main_class, "args": arguments, "stdin": stdin, "seconds": SECONDS_MAX}
        assert process.stdin is not None
        assert process.stdout is not None
        _write_line(process.stdin, json.dumps(request))
        line = process.stdout.readline()
        assert line, f"the JVM ended:\n{self._log.read_text()[-3000:]}"
        outcome = Outcome(**json.loads(line))
        if outcome.code == -1:
            self.stop()
        words = " ".join([main_class.rpartition(".")[2], *arguments])
        assert code is None or outcome.code == code, (
            f"{words}: exit code {outcome.code}\n{outcome.out[-4000:]}\n{outcome.err[-4000:]}"
        )
        assert outcome.code != -1, f"{words}: {outcome.err[-4000:]}"
        return outcome

    def _start(self) -> "subprocess.Popen[str]":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                java("Harness"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        return self._process

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _write_line(file: IO[str], text: str) -> None:
    file.write(text + "\n")
    file.flush()
