"""What all tests share: seeds and the budgets of property tests.

A test that takes `seed` runs once for each of `--seeds A..B` (B exclusive) or `--seeds N`; without the option, for as many
as its own mark says: `@pytest.mark.seeds(20)`, or one. A failing seed is in the test's name: `./dev sim 17` repeats it.
"""

import atexit
import os
import re
import shutil
import tempfile
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings

# What commands under test write down (audit log, contexts, the local cluster's runtime file) never meets the person's own.
_home = tempfile.mkdtemp(prefix="stoker-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in ("CONFIG", "DATA", "STATE", "CACHE"):
    os.environ[f"XDG_{_name}_HOME"] = os.path.join(_home, _name.lower())

# `derandomize`: the gate must give the same answer twice. `./dev fuzz` is where new examples are looked for.
settings.register_profile(
    "check", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", max_examples=5_000, deadline=timedelta(seconds=10), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("check")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds", metavar="A..B", help="seeds for the tests that take one: A..B (B exclusive) or one seed"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "seeds(count): how many seeds the test runs for when --seeds is not given")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that drive a browser or a terminal in real time get two more tries, and the summary names each (RERUN).

    They wait for what another program draws, and on a busy machine that can take longer than any limit one would choose.
    Nothing else is ever tried again: there, what fails once has failed. (Most tests of the terminal face run it in this
    process, without a terminal.)
    """
    web = os.path.join(os.path.dirname(__file__), "web", "")
    for item in items:
        if str(item.path).startswith(web) or "terminal" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    own = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if isinstance(mark.args[0], str)}
    if "seed" in metafunc.fixturenames and "seed" not in own:
        mark = metafunc.definition.get_closest_marker("seeds")
        metafunc.parametrize("seed", _seeds(metafunc.config.getoption("--seeds"), mark.args[0] if mark else 1))


def _seeds(text: str | None, count: int) -> range:
    if text is None:
        return range(count)
    match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if match is None:
        raise pytest.UsageError(f"--seeds {text}: expected A..B or one number")
    first = int(match[1])
    return range(first, int(match[2]) if match[2] else first + 1)
