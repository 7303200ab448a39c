"""What the README says of `[tui]` is what the application does, from the file on."""

import re
from pathlib import Path

import pytest

from console.contexts import contexts_file
from tests.tui.fakes import FakeSource, app_of, ordinary, settle
from tui.aliases import Place
from tui.settings import load_settings

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def of_the_readme():
    """The README's example, in the file that it names."""
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    contexts_file().parent.mkdir(parents=True)
    contexts_file().write_text(example, encoding="utf-8")
    return load_settings()


async def test_theme_keys_aliases_and_columns_of_the_readme_are_what_one_gets(of_the_readme):
    app = app_of(FakeSource(ordinary()), Place("topics"), settings=of_the_readme, theme=None)

    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        topics = app.view
        assert app.theme == app.current_theme.name == "stoker-light"
        assert [column.name for column in topics.table._columns] == ["name", "records", "rate"]

        await pilot.press("space")
        assert not topics.model.marked
        await pilot.press("m")
        assert list(topics.model.marked) == ["orders"]

        await pilot.press("colon", "o", "enter")
        await settle(pilot)
        assert app.navigation.place == Place("topic", ("orders",))
