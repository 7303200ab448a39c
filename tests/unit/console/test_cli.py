"""The command's table, its help, and what failures become."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from console import cli as cli_module
from console.cli import COMMANDS, cli, run
from console.errors import Blame, OperatorError, operator_errors
from engine.errors import KafkaError
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker
from engine.protocol.errors import ErrorCode

ROOT = Path(__file__).parents[3]
NAMES = [name for section in COMMANDS.values() for name in section]


def commands():
    """Every command and group with its path."""
    found = []

    def walk(path, command):
        found.append((path, command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                walk([*path, name], command.get_command(context, name))

    walk([], cli)
    return found


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STOKER_BOOTSTRAP_SERVER", raising=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_of_each_command_what_it_says_of_itself(name):
    text = next(section[name][1] for section in COMMANDS.values() if name in section)
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert command.help
    assert text.endswith(".")
    assert len(text) < 60


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_has_help_for_itself_and_all_of_its_options(path):
    result = CliRunner().invoke(cli, [*path, "--help"])

    assert result.exit_code == 0
    command = {tuple(each): command for each, command in commands()}[tuple(path)]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"


def test_every_listing_has_every_output():
    without = {"topics alter", "topics delete", "configs alter", "contexts add", "contexts use", "contexts remove"}
    without |= {
        "tui",
        "web",
        "up",
        "node",
        "format",
        "topics delete-records",
        "topics elect-leaders",
        "groups delete",
    }
    for path, command in commands():
        if not isinstance(command, click.Group):
            options = [name for parameter in command.params for name in parameter.opts]
            assert ("--output" in options) == (" ".join(path) not in without), path


def test_every_change_can_be_tried_and_refused():
    changes = {"topics create", "topics alter", "topics delete", "topics delete-records", "topics elect-leaders"}
    changes |= {"configs alter", "produce", "groups reset", "groups delete-offsets", "groups delete", "audit"}
    for path, command in commands():
        if " ".join(path) in changes:
            options = {name for parameter in command.params for name in parameter.opts}
            assert {"--dry-run", "--yes", "--readonly"} <= options, path


def test_the_root_lists_every_command_under_its_heading():
    shown = CliRunner().invoke(cli, []).output

    assert all(f"\n  {name} " in shown for name in NAMES)
    assert all(heading in shown for heading in COMMANDS)


def test_one_command_does_not_import_the_others_nor_anything_heavy():
    script = (
        "import sys\n"
        "from console.cli import run\n"
        "code = run(['topics', 'list', '-b', '127.0.0.1:1'])\n"
        "loaded = {n for n in sys.modules if n.startswith('console.commands.')}\n"
        "print(code, sorted(loaded), sorted({'duckdb', 'textual', 'starlette', 'psutil', 'uvloop', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )

    loaded = "['console.commands.options', 'console.commands.session', 'console.commands.topics']"
    assert done.stdout.splitlines()[-1] == f"3 {loaded} []"


def test_no_cluster_is_named_and_none_runs(capsys):
    assert run(["topics", "list"]) == 3
    assert "no cluster was named, and none runs here" in capsys.readouterr().err


def test_the_context_in_use_is_the_cluster_and_the_environment_goes_before_it(monkeypatch, capsys):
    assert run(["contexts", "add", "here", "-b", "127.0.0.1:1", "--use"]) == 0
    assert run(["topics", "list"]) == 3
    assert "no cluster at 127.0.0.1:1" in capsys.readouterr().err
    monkeypatch.setenv("STOKER_BOOTSTRAP_SERVER", "127.0.0.1:2")
    assert run(["topics", "list"]) == 3
    assert "no cluster at 127.0.0.1:2" in capsys.readouterr().err
    assert run(["topics", "list", "--context", "here"]) == 3
    assert "no cluster at 127.0.0.1:1" in capsys.readouterr().err
    assert run(["-b", "127.0.0.1:3", "topics", "list"]) == 3
    assert "no cluster at 127.0.0.1:3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OperatorError("title", "detail", "way out"), 1, "error: title\n  detail\nhint: way out\n"),
        (OperatorError.words("off"), 2, "error: off\n"),
        (ClusterUnreachable({"a:1": "no"}), 3, "error: no cluster at a:1\n  no\n"),
        (BrokerUnreachable(2, "a:1", "gone"), 3, "broker 2 cannot be reached"),
        (KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED), 1, "TOPIC_AUTHORIZATION_FAILED"),
        (ValueError("bug"), 1, "ValueError: bug"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_failures_become_exit_codes_and_words_without_traceback(monkeypatch, capfd, error, code, said):
    @click.command()
    def fail():
        raise error

    monkeypatch.setattr(cli_module.LazyGroup, "get_command", lambda self, context, name: fail)

    assert run(["fail"]) == code
    shown = capfd.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_debug_shows_where_it_came_from(monkeypatch):
    @click.command()
    @click.option("--debug", is_flag=True)
    def fail(debug):
        raise ValueError("bug")

    monkeypatch.setattr(cli_module.LazyGroup, "get_command", lambda self, context, name: fail)

    with pytest.raises(ValueError, match="bug"):
        run(["fail", "--debug"])


def test_words_that_are_off_are_said_with_what_was_meant(capsys):
    assert run(["topics", "lst"]) == 2
    assert "Did you mean 'list'" in capsys.readouterr().err


def test_a_request_that_may_have_been_carried_out_says_so():
    with pytest.raises(OperatorError) as raised, operator_errors("topic orders"):
        raise BrokerUnreachable(1, "a:1", "no answer", timed_out=True)

    assert raised.value.blame is Blame.UNREACHABLE
    assert "may have been carried out" in raised.value.hint


def test_a_broker_too_old_for_it_is_said_with_what_it_offers():
    with pytest.raises(OperatorError) as raised, operator_errors("quorum"):
        raise UnsupportedByBroker(1, "DescribeQuorumRequest", None, (0, 2))

    assert raised.value.title == "quorum: the cluster cannot do this"
    assert "broker 1 does not know it" in raised.value.detail


def test_completion_knows_commands_and_options():
    from click.shell_completion import ShellComplete

    completed = ShellComplete(cli, {}, "stoker", "_STOKER_COMPLETE").get_completions(["topics"], "de")

    assert [each.value for each in completed] == ["describe", "delete", "delete-records"]
