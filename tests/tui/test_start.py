"""How it begins: on which cluster, or on one inside, and on which view."""

import sys

import pytest

from console.commands.options import Invocation
from console.errors import OperatorError
from console.target import find_target
from tests.tui.terminal import needs_tmux
from tui.commands import Inside

STOKER = f"{sys.executable} -m console"


@needs_tmux
@pytest.mark.timeout(240)
def test_without_a_cluster_one_is_offered_and_ends_with_the_console(terminal):
    terminal.run(f"{STOKER} tui topics; echo left with $?; cat")
    terminal.sees("Start one inside?", "keep nothing", "sample topics", "quit")
    terminal.keys("e", "Enter")
    terminal.sees("stoker inside", "There are no topics yet.", "3 brokers")
    terminal.command("q")
    terminal.sees("Stopping the cluster inside", "left with 0")


@needs_tmux
@pytest.mark.timeout(240)
def test_the_offer_can_be_refused(terminal):
    terminal.run(f"{STOKER} tui; echo left with $?; cat")
    terminal.sees("Start one inside?")
    terminal.keys("q", "Enter")
    terminal.sees("left with 0")


@needs_tmux
@pytest.mark.timeout(240)
def test_all_words_behind_a_view_are_what_it_is_of(terminal):
    terminal.run(f"{STOKER} tui -b 127.0.0.1:1 tail orders from=5m; cat")
    terminal.sees("tail orders from=5m", "cannot read, trying again")


@pytest.mark.parametrize(
    ("said", "call", "words"),
    [
        (Inside(embedded=True, ephemeral=True), Invocation(), "--embedded keeps its topics"),
        (
            Inside(ephemeral=True),
            Invocation(bootstrap_server="kafka:9092"),
            "a cluster inside was asked for, and kafka",
        ),
        (Inside(demo=True), Invocation(context="production"), "and production"),
    ],
)
def test_what_cannot_be_meant_together_is_refused(said, call, words):
    with pytest.raises(OperatorError, match=words):
        said.check(call)


def test_nodes_of_a_cluster_that_is_there_cannot_be_chosen():
    with pytest.raises(OperatorError, match="--nodes is for a cluster inside"):
        Inside(nodes=5).check_is_there(find_target(bootstrap_server="kafka:9092"))
    Inside().check_is_there(find_target(bootstrap_server="kafka:9092"))
