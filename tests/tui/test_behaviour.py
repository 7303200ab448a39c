"""What the application does when keys are pressed and the cluster changes."""

import asyncio

import pytest

from console.changes.kinds import (
    AlterConfig,
    AlterTopic,
    CreateTopic,
    DeleteGroup,
    DeleteOffsets,
    DeleteRecords,
    DeleteTopic,
    ElectLeaders,
    OffsetTarget,
    PartitionScope,
    ResetOffsets,
    TargetKind,
)
from console.contexts import Context, Contexts, load_contexts, save_contexts
from console.errors import OperatorError
from tests.tui.fakes import (
    AUDIT,
    HOSTILE,
    NOW_MS,
    UNREACHABLE,
    WAIT_SECONDS,
    FakeSource,
    app_of,
    degraded,
    empty,
    entry,
    hostile,
    huge,
    ordinary,
    partition_view,
    screen_text,
    settle,
    snapshot_of,
)
from tui.aliases import Place
from tui.bindings import BY_ID, OF_ROW
from tui.settings import Settings
from tui.views.contexts import context_fields
from tui.widgets.form import Field, FormDialog
from tui.widgets.plan_dialog import PlanDialog
from tui.widgets.prompt import Prompt
from tui.widgets.row_dialog import RowDialog

pytestmark = pytest.mark.anyio


class Opened:
    """An app on a fake cluster, with a pilot."""

    def __init__(self, source=None, start=None, size=(100, 30), **options):
        self.source = source or FakeSource(ordinary(), trail=AUDIT)
        self.app = app_of(self.source, start, **options)
        self._context = self.app.run_test(size=size)

    async def __aenter__(self):
        self.pilot = await self._context.__aenter__()
        await settle(self.pilot)
        return self

    async def __aexit__(self, *error):
        await self._context.__aexit__(*error)

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def type(self, text):
        await self.pilot.press(
            *({" ": "space", "/": "slash", ":": "colon", "-": "minus"}.get(each, each) for each in text)
        )
        await settle(self.pilot)

    async def reaches(self, holds):
        """Until it is so: the palette looks for what was typed in its own time."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + WAIT_SECONDS
        while not holds():
            assert clock() < deadline, f"it did not come to that:\n{self.text}"
            await self.pilot.pause(0.02)
        await settle(self.pilot)

    async def passed(self, snapshot=None, failure=None):
        self.source.pass_over(snapshot, failure)
        await settle(self.pilot)

    @property
    def place(self):
        return self.app.navigation.place.text

    @property
    def names(self):
        model = self.app.view.model
        return [model.key(model.row(at)) for at in range(len(model))]

    @property
    def text(self):
        return "\n".join(screen_text(self.app))


# where one is


async def test_enter_goes_in_and_escape_comes_out():
    async with Opened() as on:
        await on.press("enter")
        assert on.place == "partitions orders"
        assert "topics › partitions orders" in on.text  # noqa: RUF001
        await on.press("escape")
        assert on.place == "topics"
        await on.press("escape")
        assert on.place == "topics"


async def test_minus_goes_to_the_view_before_and_back_again():
    async with Opened() as on:
        await on.press("3", "minus")
        assert on.place == "topics"
        await on.press("minus")
        assert on.place == "groups"


async def test_brackets_go_through_the_history():
    async with Opened() as on:
        await on.press("3", "4", "left_square_bracket", "left_square_bracket")
        assert on.place == "topics"
        await on.press("right_square_bracket")
        assert on.place == "groups"


async def test_a_view_that_is_come_back_to_is_as_it_was_left():
    async with Opened() as on:
        await on.press("down", "down", "enter", "escape")
        assert on.app.view.table.row.name == "payments"


async def test_a_command_goes_to_a_view_or_into_one_thing():
    async with Opened() as on:
        for line, place in (
            (":groups", "groups"),
            (":t orders", "topic orders"),
            (":g billing", "group billing"),
            (":gro", "groups"),
            (":b 1", "broker 1"),
        ):
            await on.press("colon")
            await on.type(line[1:])
            await on.press("enter")
            assert on.place == place
            assert on.app.view.has_focus_within or on.app.view.has_focus


async def test_what_is_typed_right_behind_the_colon_is_not_taken_for_keys():
    async with Opened() as on:
        for key in ("colon", "g", "r", "o", "u", "p", "s"):
            on.app.simulate_key(key)
        await settle(on.pilot)
        assert on.app.query_one(Prompt).input.value == "groups"


async def test_signs_can_be_typed_into_fields():
    async with Opened() as on:
        await on.press("n")
        await on.type("a:b/c")
        assert on.app.screen.query_one("#field-name").value == "a:b/c"


async def test_tab_completes_a_command_and_what_it_is_of():
    async with Opened() as on:
        await on.press("colon")
        await on.type("gro")
        await on.press("tab")
        prompt = on.app.query_one(Prompt)
        assert prompt.input.value == "groups"
        await on.type(" n")
        await on.press("tab")
        assert prompt.input.value == "groups nightly"


async def test_what_a_command_could_become_stands_above_it_and_when_it_is_whole_what_it_means():
    async with Opened() as on:
        await on.press("colon")
        above = screen_text(on.app)[-3]
        assert above.split()[:4] == ["Tab", "pulses", "topics", "topic"]
        assert "complete" in screen_text(on.app)[-1]
        await on.type("t pa")
        assert screen_text(on.app)[-3].split() == ["Tab", "page-views", "payments"]
        await on.press("ctrl+u")
        await on.type("quorum")
        assert screen_text(on.app)[-3].strip() == "The metadata quorum: leader, voters, observers, lag"
        await on.press("escape", "slash")
        assert "a regex" in screen_text(on.app)[-3].lower()
        await on.press("escape")
        assert "open" in screen_text(on.app)[-1]


async def test_up_recalls_the_command_before():
    async with Opened() as on:
        await on.press("colon")
        await on.type("groups")
        await on.press("enter", "colon", "up")
        assert on.app.query_one(Prompt).input.value == "groups"
        await on.press("down")
        assert on.app.query_one(Prompt).input.value == ""


async def test_an_unknown_command_says_so_and_stays():
    async with Opened() as on:
        on.app.run_command("nonsense")
        await settle(on.pilot)
        assert on.place == "topics"
        assert [each.message for each in on.app._notifications] == ["there is no view 'nonsense'; ? lists them"]


async def test_an_alias_of_the_settings_is_a_command():
    async with Opened(settings=Settings(aliases={"o": "topic orders"})) as on:
        await on.press("colon", "o", "enter")
        assert on.place == "topic orders"


async def test_colon_q_quits():
    async with Opened() as on:
        await on.press("colon", "q", "enter")
        assert on.app.return_value == 0
    assert on.source.closed


async def test_q_leaves_the_view_and_twice_at_the_first_quits():
    async with Opened() as on:
        await on.press("enter", "q")
        assert on.place == "topics"
        assert on.app.is_running
        await on.press("q")
        assert on.app._exit is False
        await on.press("q")
        assert on.app._exit is True


async def test_the_palette_finds_a_topic():
    async with Opened() as on:
        await on.press("ctrl+p")
        titles = {each.title for each in on.app.get_system_commands(on.app.screen)}
        assert {":groups", "topic orders", "group billing", "quit"} <= titles
        assert len(on.app.screen_stack) == 2


async def test_the_palette_does_what_a_key_of_the_view_does():
    async with Opened(start=Place("groups")) as on:
        await on.press("ctrl+p")
        await on.type("set the group")
        await on.reaches(lambda: "Set the group's offsets" in on.text)
        await on.press("enter")
        await on.reaches(lambda: isinstance(on.app.screen, FormDialog))
        assert "Set offsets of billing" in on.text
    async with Opened(FakeSource(ordinary(), readonly=True), Place("groups")) as on:
        titles = {each.title for each in on.app.get_system_commands(on.app.screen)}
        assert not any("Set the group's offsets" in title for title in titles)


async def test_help_begins_with_the_view_one_came_from():
    async with Opened(start=Place("groups")) as on:
        await on.press("question_mark")
        assert on.place == "help groups"
        assert "Set the group's offsets" in on.text


# tables


async def test_the_cursor_and_the_marks_stay_on_their_rows_when_rows_come_and_go():
    async with Opened() as on:
        await on.press("down", "space")
        assert on.names == ["orders", "page-views", "payments"]
        assert on.app.view.table.row.name == "payments"
        more = {name: [(partition_view(0), 0, 1)] for name in ("a", "b", "orders", "page-views", "payments")}
        await on.passed(snapshot_of(more, at_ms=NOW_MS + 5_000))
        assert on.names == ["a", "b", "orders", "page-views", "payments"]
        assert on.app.view.table.row.name == "payments"
        assert list(on.app.view.model.marked) == ["page-views"]


async def test_the_cursor_stays_at_its_line_of_the_screen():
    async with Opened(FakeSource(huge(500)), Place("partitions", ("big",))) as on:
        await on.press("end", "up", "up")
        table = on.app.view.table
        before = table.cursor - table.scroll_offset.y
        await on.passed(huge(600))
        assert table.row.partition.partition == 497
        assert table.cursor - table.scroll_offset.y == before


async def test_who_scrolled_away_from_the_cursor_stays_there_when_the_cluster_is_looked_at():
    async with Opened(FakeSource(huge(500)), Place("partitions", ("big",))) as on:
        table = on.app.view.table
        table.scroll_to(y=200, animate=False, immediate=True)
        await on.passed(huge(600))
        assert table.scroll_offset.y == 200
        assert table.cursor == 0
        await on.press("down")
        assert table.scroll_offset.y <= 1


async def test_nothing_is_painted_when_nothing_changed():
    async with Opened() as on:
        table = on.app.view.table
        painted = []
        table.refresh = lambda *regions, **options: painted.append(regions)
        await on.passed(ordinary())
        assert painted == []


async def test_only_the_lines_that_changed_are_painted():
    async with Opened() as on:
        table = on.app.view.table
        painted = []
        table.refresh_lines = lambda y, count=1: painted.append(y)
        changed = ordinary()
        changed.offsets[next(iter(changed.offsets))] = (0, 1_001)
        await on.passed(changed)
        assert painted == [1]


async def test_a_shifted_letter_sorts_and_again_turns_it_round():
    async with Opened() as on:
        await on.press("P")
        assert on.names == ["page-views", "orders", "payments"]
        await on.press("P")
        assert on.names == ["payments", "orders", "page-views"]
        await on.press("O")
        assert on.app.view.model.sort.column != "partitions"


async def test_slash_filters_while_it_is_typed_and_escape_clears():
    async with Opened() as on:
        await on.press("slash")
        await on.type("pa.*s$")
        assert on.names == []
        await on.press("escape")
        assert len(on.names) == 3
        await on.press("slash")
        await on.type("^pay")
        await on.press("enter")
        assert on.names == ["payments"]
        assert "1 of 3" in on.text
        await on.press("escape")
        assert len(on.names) == 3


async def test_slash_exclamation_filters_out_and_slash_f_is_fuzzy():
    async with Opened() as on:
        on.app.view.set_filter("!pa")
        assert on.names == ["orders"]
        on.app.view.set_filter("-f pyms")
        assert on.names == ["payments"]


async def test_a_bad_expression_is_said_and_leaves_what_was_there():
    async with Opened() as on:
        await on.press("slash")
        await on.type("pay(")
        await on.press("enter")
        assert on.names == ["payments"]
        assert any(each.title.startswith("/pay(") for each in on.app._notifications)


async def test_ctrl_z_shows_only_faults():
    async with Opened(FakeSource(degraded())) as on:
        await on.press("ctrl+z")
        assert on.names == ["orders", "payments"]
        await on.press("ctrl+z")
        assert "fine" in on.names


async def test_ctrl_w_shows_more_columns_and_fewer():
    async with Opened(size=(60, 24)) as on:
        assert "GROUPS" not in on.text
        await on.press("ctrl+w")
        assert "GROUPS" in "".join(column.title for column in on.app.view.table._columns)
        await on.press("right")
        assert on.app.view.table.scroll_offset.x > 0
        await on.press("left")
        assert on.app.view.table.scroll_offset.x == 0


async def test_the_settings_choose_columns():
    async with Opened(settings=Settings(columns={"topics": ("name", "size")})) as on:
        assert [column.name for column in on.app.view.table._columns] == ["name", "size"]


async def test_ctrl_space_marks_a_range_and_ctrl_backslash_none():
    async with Opened() as on:
        await on.press("space", "end", "ctrl+@")
        assert list(on.app.view.model.marked) == ["orders", "page-views", "payments"]
        await on.press("ctrl+backslash")
        assert not on.app.view.model.marked


async def test_moving_goes_by_rows_pages_and_ends():
    async with Opened(FakeSource(huge(500)), Place("partitions", ("big",))) as on:
        table = on.app.view.table
        page = table._page
        for keys, at in (
            (("j", "down"), 2),
            (("k", "up"), 0),
            (("pagedown",), page),
            (("ctrl+f",), 2 * page),
            (("ctrl+b", "pageup"), 0),
            (("G",), 499),
            (("g",), 0),
            (("end",), 499),
            (("home",), 0),
        ):
            await on.press(*keys)
            assert table.cursor == at, keys


async def test_a_click_moves_the_cursor_a_second_opens_and_the_heading_sorts():
    async with Opened() as on:
        table = on.app.view.table
        await on.pilot.click(table, offset=(5, 2))
        assert table.cursor == 1
        await on.pilot.click(table, offset=(2, 0))
        assert on.app.view.model.sort.descending
        await on.pilot.click(table, offset=(5, 1), times=2)
        await settle(on.pilot)
        assert on.place.startswith("partitions")


async def test_a_click_on_the_footer_is_the_key():
    async with Opened() as on:
        await on.pilot.click("#keys", offset=(3, 0))
        await settle(on.pilot)
        assert on.place == "partitions orders"


async def test_a_click_on_the_trail_goes_back_to_that_view_and_on_the_cluster_to_the_contexts():
    async with Opened() as on:
        await on.press("enter", "d")
        assert on.place == "topic orders"
        at = screen_text(on.app)[1].index("partitions")
        await on.pilot.click("#top", offset=(at + 2, 1))
        await settle(on.pilot)
        assert [place.text for place in on.app.navigation.trail] == ["topics", "partitions orders"]
        await on.pilot.click("#top", offset=(3, 0))
        await settle(on.pilot)
        assert on.place == "contexts"


async def test_the_help_stands_in_the_footer_however_narrow_it_is_and_by_a_key_that_works_while_one_types():
    for size in ((40, 12), (80, 24), (160, 45)):
        async with Opened(size=size) as on:
            assert screen_text(on.app)[-1].endswith("? help")
            await on.press("slash")
            assert screen_text(on.app)[-1].endswith("F1 help")
            await on.press("f1")
            assert on.place == "help topics"


async def test_the_footer_offers_only_what_does_something_here():
    for view, without in (("contexts", "faults"), ("members", "faults"), ("help", "faults")):
        async with Opened(start=Place(view, ("billing",) if view == "members" else ()), size=(200, 30)) as on:
            assert without not in screen_text(on.app)[-1]
    async with Opened(start=Place("produce", ("orders",)), size=(200, 30)) as on:
        assert not {":", "/", "?"} & set(screen_text(on.app)[-1].split())
        await on.press("escape")
        assert {":", "?"} <= set(screen_text(on.app)[-1].split())
        await on.press("slash")
        assert "There is nothing to filter here." in {each.message for each in on.app._notifications}


@pytest.mark.parametrize(
    ("view", "offered"),
    [("topics", {"new"}), ("groups", set()), ("contexts", {"new"}), ("xray", set()), ("partitions", set())],
)
async def test_where_there_is_no_row_nothing_is_offered_that_is_done_to_one(view, offered):
    async with Opened(FakeSource(None if view == "xray" else empty()), Place(view), size=(200, 30)) as on:
        words = set(screen_text(on.app)[-1].split())
        assert not words & {"open", "describe", "edit", "delete", "reset", "default", "expand", "elect", "tail"}
        assert offered <= words


def test_what_is_done_to_rows_are_keys_that_there_are():
    assert set(BY_ID) >= OF_ROW


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (Place("members", ("billing",)), ("CLIENT", "client-0", "ASSIGNED", "orders:0,2")),
        (Place("quorum"), ("LOG END", "1,240", "DIRECTORY ID", "CONTROLLER://kafka:19091")),
        (Place("configs", ("topic orders",)), ("VALUE", "compact", "DOCUMENTATION", "What happens to old records.")),
    ],
)
async def test_d_shows_a_row_in_full_where_there_is_no_view_of_it(start, words):
    async with Opened(start=start, size=(60, 40)) as on:
        await on.press("d")
        assert isinstance(on.app.screen, RowDialog)
        assert all(word in on.text for word in words)
        await on.press("escape")
        assert len(on.app.screen_stack) == 1


@pytest.mark.parametrize(
    ("start", "place"),
    [("groups", "group billing"), ("brokers", "broker 1"), ("pulses", "broker 1"), ("audit", "change aaaa0002")],
)
async def test_d_describes_what_the_cursor_is_on(start, place):
    async with Opened(start=Place(start)) as on:
        await on.press("d")
        assert on.place == place


async def test_enter_in_the_help_goes_to_the_view_of_a_command_and_shows_other_lines_in_full():
    async with Opened() as on:
        await on.press("question_mark", "enter")
        assert isinstance(on.app.screen, RowDialog)
        assert "topics.describe" in on.text
        await on.press("escape", "slash")
        await on.type(":quorum")
        await on.press("enter", "enter")
        assert on.place == "quorum"


async def test_copy_takes_the_marked_rows_and_save_writes_them(tmp_path):
    async with Opened(directory=tmp_path) as on:
        await on.press("space", "space", "c")
        assert on.app.clipboard == "orders\npage-views"
        await on.press("ctrl+s", "ctrl+s")
        assert (tmp_path / "topics.csv").read_text().splitlines()[0].startswith("name,partitions,")
        assert (tmp_path / "topics-2.csv").exists()


# the cluster


async def test_a_dead_broker_marks_rows_and_stands_in_the_header():
    async with Opened() as on:
        assert "healthy" in on.text
        await on.passed(degraded(NOW_MS + 5_000))
        assert "1 offline" in on.text
        assert "1 broker down" in on.text
        assert [on.app.view.model.row(at).health for at in range(3)] == ["", "bad", "warning"]


async def test_a_cluster_that_cannot_be_reached_any_more_keeps_its_rows():
    async with Opened() as on:
        await on.passed(failure=UNREACHABLE)
        assert on.names == ["orders", "page-views", "payments"]
        assert "cannot be reached, last seen 10 s ago" in on.text
        await on.passed(ordinary(NOW_MS + 9_000))
        assert "healthy" in on.text


async def test_one_that_was_never_reached_says_why_and_what_to_do():
    async with Opened(FakeSource(failure=UNREACHABLE)) as on:
        assert "connection refused" in on.text
        assert "Start one with `stoker up`." in on.text


async def test_refresh_asks_the_cluster():
    async with Opened() as on:
        await on.press("r", "ctrl+r")
        assert on.source.refreshed == 2


async def test_hostile_names_are_shown_and_not_obeyed():
    async with Opened(FakeSource(hostile()), size=(160, 30)) as on:
        assert "\\x1b[31m" in on.text
        for each in ("\x1b", "\u202e", "\u200b", "\n你", "\ufe0f"):
            assert each not in on.text
        for line in screen_text(on.app):
            assert "\r" not in line
        await on.press("enter")
        assert on.app.navigation.place == Place("partitions", (HOSTILE,))


# changes


async def test_a_topic_is_created_from_the_form_after_its_plan():
    async with Opened() as on:
        await on.press("n")
        await on.type("fresh")
        await on.press("enter", "6", "enter", "enter")
        await on.type("retention.ms=1000")
        await on.press("enter")
        assert isinstance(on.app.screen, PlanDialog)
        assert "stoker topics alter orders" in on.text
        assert "Think of it." in on.text
        await on.press("enter")
        (change,) = on.source.done
        assert isinstance(change, CreateTopic)
        assert (change.topic.name, change.topic.partition_count, change.topic.replication_factor) == ("fresh", 6, -1)
        assert change.topic.configs == {"retention.ms": "1000"}
        assert on.app.undoable == ["aaaa0009"]


@pytest.mark.parametrize("key", ["tab", "enter"])
async def test_what_is_typed_right_behind_tab_or_enter_goes_into_the_next_field(key):
    async with Opened() as on:
        await on.press("n")
        for each in ("a", "b", key, "7", key, "2", "shift+tab", "8"):
            on.app.simulate_key(each)
        await settle(on.pilot)
        values = [
            on.app.screen.query_one(f"#field-{name}").value for name in ("name", "partitions", "replication_factor")
        ]
        assert values == ["ab", "78", "2"]


async def test_enter_in_the_last_field_takes_what_was_typed_right_before():
    taken = []
    async with Opened() as on:
        on.app.push_screen(FormDialog("A form", [Field("one", "One"), Field("two", "Two")]), taken.append)
        await settle(on.pilot)
        for each in ("a", "enter", "b", "c", "enter"):
            on.app.simulate_key(each)
        await settle(on.pilot)
    assert taken == [{"one": "a", "two": "bc"}]


async def test_a_field_that_is_wrong_says_why_and_nothing_is_planned():
    async with Opened() as on:
        await on.press("n")
        await on.type("fresh")
        await on.press("enter")
        await on.type("many")
        await on.press("ctrl+y")
        assert "a whole number from 1 to 1,000,000" in on.text
        assert not isinstance(on.app.screen, PlanDialog)
        await on.press("backspace", "backspace", "backspace", "backspace", "5")
        assert "a whole number from" not in on.text
        await on.press("escape")
        assert len(on.app.screen_stack) == 1


async def test_escape_leaves_a_plan_undone():
    async with Opened() as on:
        await on.press("ctrl+d")
        assert isinstance(on.app.screen, PlanDialog)
        await on.press("escape")
        assert on.source.done == []


async def test_what_destroys_wants_the_name_typed():
    async with Opened() as on:
        on.source.plan_with = {"destroys": "orders", "loss": "This deletes topic orders"}
        await on.press("ctrl+d")
        await on.press("enter", "ctrl+y")
        assert on.source.done == []
        await on.type("orders")
        await on.press("enter")
        assert on.source.done == [DeleteTopic("orders")]


async def test_all_that_are_marked_are_deleted_after_their_number_was_typed():
    async with Opened() as on:
        on.source.plan_with = {"destroys": "a topic"}
        await on.press("space", "space", "ctrl+d")
        await on.type("delete 2")
        await on.press("ctrl+y")
        assert on.source.done == [DeleteTopic("orders"), DeleteTopic("page-views")]


async def test_a_plan_that_the_cluster_would_refuse_can_only_be_closed():
    async with Opened(start=Place("groups")) as on:
        on.source.plan_with = {"blocked": OperatorError("group billing: NON_EMPTY_GROUP", "it has 2 members")}
        await on.press("ctrl+d")
        assert "NON_EMPTY_GROUP" in on.text
        await on.press("ctrl+y")
        assert on.source.done == []


async def test_u_takes_back_the_last_change():
    async with Opened() as on:
        await on.press("x", "ctrl+y")
        assert isinstance(on.source.done[0], DeleteRecords)
        await on.press("u", "ctrl+y")
        assert on.source.undone == ["aaaa0009"]
        assert on.source.done[1] == "undo aaaa0009"


async def test_a_topic_is_altered_by_what_was_changed_in_the_form():
    async with Opened() as on:
        await on.press("e")
        assert "cleanup.policy=compact" in on.text
        await on.press("end", "backspace", "5", "enter", "end")
        await on.type(" retention.ms=1")
        await on.press("enter", "ctrl+y")
        assert on.source.done == [AlterTopic("orders", 5, {"retention.ms": "1"})]


async def test_what_is_done_to_topics_is_done_from_one_too():
    async with Opened(start=Place("topic", ("orders",))) as on:
        await on.press("p", "ctrl+y", "x", "ctrl+y", "ctrl+d", "ctrl+y")
        assert on.source.done == [
            ElectLeaders((PartitionScope("orders"),)),
            DeleteRecords(PartitionScope("orders"), OffsetTarget(TargetKind.LATEST)),
            DeleteTopic("orders"),
        ]
        await on.press("e", "end", "backspace", "5", "ctrl+y", "ctrl+y")
        assert on.source.done[3:] == [AlterTopic("orders", 5, {})]
        await on.press("i")
        assert on.place == "produce orders"


async def test_a_value_with_spaces_is_altered_as_it_is():
    async with Opened(FakeSource(ordinary(), configs=(entry("note", "two words", own=True),))) as on:
        await on.press("e")
        assert "note='two words'" in on.text
        await on.press("end", "backspace", "5", "ctrl+y", "ctrl+y")
        assert on.source.done == [AlterTopic("orders", 5, {})]


@pytest.mark.parametrize("place", [Place("topic", ("orders",)), Place("partitions", ("orders",)), Place("group", ("billing",))])  # fmt: skip
async def test_what_is_gone_is_not_shown_any_more(place):
    async with Opened(start=place) as on:
        assert "orders" in on.text
        await on.passed(snapshot_of({"payments": [(partition_view(0), 0, 1)]}, at_ms=NOW_MS + 9_000))
        assert "there is no such" in on.text
        assert "healthy" in on.text
        assert "1,250" not in on.text
        assert "read/s" not in on.text.lower()


async def test_groups_are_reset_with_a_preview():
    async with Opened(start=Place("groups")) as on:
        await on.press("e")
        # It stands in place of "earliest": there is nothing to be taken away first.
        await on.type("latest")
        await on.press("enter", "enter", "ctrl+y")
        (change,) = on.source.done
        assert isinstance(change, ResetOffsets)
        assert (change.group_id, change.target.kind, change.scope) == ("billing", TargetKind.LATEST, ())


async def test_offsets_of_marked_partitions_are_reset_or_forgotten():
    async with Opened(start=Place("group", ("billing",))) as on:
        await on.press("space", "e", "ctrl+y", "ctrl+y")
        (change,) = on.source.done
        assert str(change.scope[0]) == "orders:0"
        await on.press("ctrl+d", "ctrl+y")
        assert isinstance(on.source.done[1], DeleteOffsets)


async def test_a_bad_target_is_said_in_the_form():
    async with Opened(start=Place("groups")) as on:
        await on.press("e", "ctrl+u")
        await on.type("soon")
        await on.press("ctrl+y")
        assert "cannot read the position 'soon'" in on.text


async def test_a_property_is_set_and_unset():
    async with Opened(start=Place("configs", ("topic orders",))) as on:
        assert "What happens to old records." in on.text
        await on.press("e", "ctrl+u")
        await on.type("delete")
        await on.press("enter", "ctrl+y")
        await on.press("ctrl+d", "ctrl+y")
        assert [change.changes for change in on.source.done] == [{"cleanup.policy": "delete"}, {"cleanup.policy": None}]
        assert all(isinstance(change, AlterConfig) for change in on.source.done)


async def test_leaders_are_elected_for_what_is_marked():
    async with Opened(start=Place("partitions", ("orders",))) as on:
        await on.press("space", "p", "ctrl+y")
        (change,) = on.source.done
        assert isinstance(change, ElectLeaders)
        assert [str(each) for each in change.scope] == ["orders:0"]


async def test_groups_are_deleted():
    async with Opened(start=Place("groups")) as on:
        await on.press("down", "ctrl+d", "ctrl+y")
        assert on.source.done == [DeleteGroup("nightly")]


async def test_an_entry_of_the_audit_log_is_undone():
    async with Opened(start=Place("audit")) as on:
        await on.press("down", "u", "ctrl+y")
        assert on.source.undone == ["aaaa0001"]


# other views


async def test_the_tree_opens_closes_and_goes_into():
    async with Opened(start=Place("xray")) as on:
        await on.press("down", "right", "down", "right", "down")
        assert on.app.view.table.row.label == "broker 1"
        await on.press("left")
        assert on.app.view.table.row.label == "partition 0"
        await on.press("left", "left")
        assert on.app.view.table.row.label == "orders"
        assert len(on.names) == 5
        await on.press("x")
        assert len(on.names) > 30
        await on.press("x", "d")
        assert on.place == "topic orders"


async def test_the_window_of_charts_goes_round():
    async with Opened(start=Place("pulses")) as on:
        for _ in range(6):
            await on.press("t")
        assert on.app.view.window == 0


@pytest.mark.parametrize(
    ("size", "charts", "words"), [((80, 24), 10, "under 0"), ((120, 36), 16, "under-replicated"), ((200, 60), 28, "under-replicated")]
)  # fmt: skip
async def test_what_the_brokers_do_not_need_is_the_charts_and_nothing_is_cut(size, charts, words):
    async with Opened(start=Place("pulses"), size=size) as on:
        for step in range(1, 4):
            await on.passed(ordinary(NOW_MS + step * 2_000, step))
        view = on.app.view
        assert view.query_one("#charts").size.height == charts
        assert view.table.size.height > len(view.model.rows)
        assert words in on.text
        assert "CPU 50%" in on.text if size[0] < 100 else "machine 50% of 4 CPUs" in on.text
        assert "…" not in on.text


async def test_enter_leads_from_each_view_to_the_next():
    for start, place in (
        (Place("groups"), "group billing"),
        (Place("brokers"), "broker 1"),
        (Place("pulses"), "broker 1"),
        (Place("audit"), "change aaaa0002"),
        (Place("quorum"), "broker 1"),
        (Place("topic", ("orders",)), "partitions orders"),
    ):
        async with Opened(start=start) as on:
            await on.press("enter")
            assert on.place == place


async def test_d_and_f_describe_and_configure():
    async with Opened() as on:
        await on.press("d")
        assert on.place == "topic orders"
        await on.press("f")
        assert on.place == "configs topic orders"
    async with Opened(start=Place("group", ("billing",))) as on:
        await on.press("d")
        assert on.place == "members billing"


async def test_internal_topics_come_and_go():
    async with Opened() as on:
        await on.press("a")
        assert "__consumer_offsets" in on.names
        await on.press("a")
        assert "__consumer_offsets" not in on.names


async def test_a_page_scrolls_is_filtered_and_copied():
    async with Opened(FakeSource(huge(150)), Place("topic", ("big",))) as on:
        document = on.app.view.document
        await on.press("end")
        assert document.scroll_offset.y > 100
        await on.press("home", "j", "down", "k")
        assert document.scroll_offset.y == 1
        await on.press("space", "ctrl+b", "up")
        assert document.scroll_offset.y == 0
        await on.press("slash")
        await on.type("replication")
        await on.press("enter")
        assert any("replication factor" in line for line in screen_text(on.app))
        assert "Size" not in document.text
        await on.press("escape", "c")
        assert "replication factor" in on.app.clipboard


async def test_another_context_is_switched_to_added_and_removed():
    other = FakeSource(snapshot_of({"elsewhere": [(partition_view(0), 0, 1)]}), name="staging")
    save_contexts(Contexts({"staging": Context("staging", "staging:9092")}, None))
    async with Opened(start=Place("contexts"), open_source=lambda name: other) as on:
        await on.press("enter")
        assert on.names == ["elsewhere"]
        assert on.source.closed
        assert "staging" in on.text
        on.app.jump("contexts")
        await settle(on.pilot)
        await on.press("n")
        await on.type("new")
        await on.press("enter")
        await on.type("b:1")
        await on.press("ctrl+y")
        assert set(load_contexts().contexts) == {"staging", "new"}
        await on.press("home", "ctrl+d", "enter")
        assert set(load_contexts().contexts) == {"staging"}


async def test_a_context_is_changed_made_the_default_and_not_replaced_by_a_new_one():
    known = {
        "staging": Context("staging", "staging:9092", decode={"orders-*": "json"}),
        "local": Context("local", "a:1"),
    }
    save_contexts(Contexts(known, None))
    async with Opened(start=Place("contexts"), size=(120, 40)) as on:
        await on.press("end", "e")
        assert "staging:9092" in on.text
        assert "orders-*=json" in on.text
        await on.type(",b:9093")
        await on.press("tab", "tab")
        await on.type("http://registry:8081")
        await on.press("tab", "tab", "ctrl+u")
        await on.type("yes")
        await on.press("ctrl+y")
        found = load_contexts().contexts["staging"]
        assert found == Context(
            "staging", "staging:9092,b:9093", None, True, "http://registry:8081", {"orders-*": "json"}
        )
        await on.press("s")
        assert load_contexts().current == "staging"
        await on.press("s")
        assert load_contexts().current is None
        await on.press("n")
        await on.type("local")
        await on.press("ctrl+y")
        assert "there is a context local already" in on.text
        assert load_contexts().contexts["local"] == Context("local", "a:1")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("servers", "", "HOST:PORT, several by commas"),
        ("servers", "kafka:port", "port"),
        ("properties", "/no/such/file", "/no/such/file"),
        ("registry", "http://me:secret@registry:8081", "go into the properties file"),
        ("decode", "orders=nonsense", "nonsense"),
        ("readonly", "perhaps", "yes or no"),
    ],
)
def test_a_setting_of_a_context_that_makes_no_sense_says_why(name, text, said):
    (field,) = [each for each in context_fields(Context("a", "b:1")) if each.name == name]
    with pytest.raises(ValueError, match=said):
        field.parse(text)


async def test_a_command_switches_the_context():
    other = FakeSource(snapshot_of({"elsewhere": [(partition_view(0), 0, 1)]}), name="staging")
    async with Opened(open_source=lambda name: other) as on:
        on.app.run_command("ctx staging")
        await settle(on.pilot)
        assert on.names == ["elsewhere"]


async def test_read_only_stands_in_the_header_and_takes_changes_out_of_the_footer():
    async with Opened(FakeSource(ordinary(), readonly=True)) as on:
        assert "read-only" in on.text
        assert "delete" not in screen_text(on.app)[-1]


async def test_who_cannot_send_is_told_before_a_record_is_typed():
    async with Opened(FakeSource(ordinary(), readonly=True), Place("produce", ("orders",))) as on:
        assert "read-only here: nothing can be sent" in on.text


async def test_ten_thousand_partitions_scroll_from_end_to_end():
    async with Opened(FakeSource(huge()), Place("partitions", ("big",))) as on:
        await on.press("end")
        assert on.app.view.table.row.partition.partition == 9_999
        await on.press("home")
        assert on.app.view.table.row.partition.partition == 0


async def test_an_unknown_theme_is_refused_with_the_names_of_all():
    with pytest.raises(OperatorError) as error:
        app_of(FakeSource(), theme="mauve")
    assert "stoker-light" in error.value.hint
