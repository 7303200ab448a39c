"""Nobody pays for what they do not use: importing the engine or the console brings no face and no heavy library.

Each case is a fresh interpreter, because the modules of this one came from everywhere.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FACES = (
    "textual",
    "starlette",
    "jinja2",
    "uvicorn",
    "duckdb",
    "psutil",
    "playwright",
    "aiokafka",
    "confluent_kafka",
    "kafka",
)


def modules_after(statement: str) -> set[str]:
    """Names of the top-level modules a fresh interpreter has loaded after `statement`."""
    script = (
        f"{statement}\nimport sys, json\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", ["engine.protocol", "engine.protocol.messages", "engine", "console", "engine.config"])
def test_importing_it_loads_no_face_and_no_heavy_library(name: str) -> None:
    assert modules_after(f"import {name}").isdisjoint(FACES)


def test_importing_every_handler_loads_no_face_and_no_heavy_library() -> None:
    statement = (
        "from engine.handlers.registry import ListenerKind, handlers\n"
        "handlers(ListenerKind.BROKER), handlers(ListenerKind.CONTROLLER)"
    )
    assert modules_after(statement).isdisjoint(FACES)


def test_the_engine_does_not_load_the_console() -> None:
    assert modules_after("import engine, engine.handlers, engine.config").isdisjoint({"console", "web", "tui"})
