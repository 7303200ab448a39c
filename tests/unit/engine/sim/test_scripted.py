"""Your own code in virtual time: the example in the docstring works, and works the same again."""

import inspect
import textwrap
from pathlib import Path

import pytest

import engine.sim.scripted


def example() -> str:
    text = inspect.getdoc(engine.sim.scripted) or ""
    return textwrap.dedent("\n".join(line for line in text.split("\n") if line.startswith("    ") or not line))


def test_the_example_in_the_docstring_runs_and_is_a_function_of_its_seed(capsys):
    pytest.importorskip("aiokafka")
    code = compile(example(), "example", "exec")
    outputs = []
    for _ in range(2):
        exec(code, {"__name__": "example"})
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert int(outputs[0]) > 1_000


def test_the_readme_has_the_same_example():
    readme = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    assert f"```python\n{example().strip()}\n```" in readme


def test_what_the_script_raises_comes_out():
    from engine.sim import World

    async def main(world):
        raise LookupError(world.bootstrap_servers)

    with pytest.raises(LookupError, match="node-1:9092"):
        World(seed=7).play(main)


def test_nothing_else_is_in_the_package():
    with pytest.raises(ImportError):
        from engine.sim import Universe  # noqa: F401
