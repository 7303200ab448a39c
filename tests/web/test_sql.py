"""SQL as a person meets it."""

import json
import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from console.contexts import Context, Contexts, save_contexts
from tests.web.producing import fill


@pytest.fixture(scope="module", autouse=True)
def topics(console):
    async def story(opened):
        await fill(opened, "orders", [(f"k{n % 5}", json.dumps({"n": n})) for n in range(500)], partitions=3)
        await fill(opened, "odd.name", ["1"])
        await opened.sampler.next_pass()

    console.run(story)


def link(sql, **parameters):
    return f"/sql?q={quote(sql)}" + "".join(f"&p.{name}={quote(value)}" for name, value in parameters.items())


def state(page):
    return page.locator("#result [data-state]").first


def cell(page, row, column):
    return page.locator(f"#result .grid-row[aria-rowindex='{row + 1}'] > span").nth(column)


def run(page, sql):
    page.goto("/sql")
    page.locator("#q").fill(sql)
    page.keyboard.press("Control+Enter")


def test_a_statement_is_typed_planned_and_run_by_keyboard(page):
    page.goto("/sql")
    page.keyboard.type("select count(*) as n, max(value_size) from orders where partition = 0 ")
    expect(page.locator("[data-plan]")).to_contain_text("Reads orders: 500 records")
    expect(page.locator("[data-plan]")).to_contain_text("1 of 3 partitions")
    page.keyboard.press("Control+Enter")
    expect(state(page)).to_contain_text("1 row in")
    expect(cell(page, 1, 1)).to_have_text("500")
    assert "q=select" in page.url


def test_an_address_shows_the_plan_and_runs_nothing_until_enter(page):
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    page.goto(link("select key from orders limit 3"))
    expect(page.locator("[data-plan]")).to_contain_text("Reads orders")
    page.wait_for_timeout(300)
    assert not [url for method, url in asked if method == "POST" and url.endswith("/api/sql")]
    expect(page.locator("#result")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(state(page)).to_contain_text("3 rows")


def test_half_a_million_rows_are_scrolled_through(page):
    run(page, "select range as n, 'row ' || range as name from range(500000)")
    expect(state(page)).to_contain_text("500,000 rows", timeout=30_000)
    grid = page.locator("#result [data-grid]")
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator("#result .grid-row[aria-selected=true]")).to_contain_text("row 499999")
    grid.evaluate("(element) => { element.scrollTop = (element.scrollHeight - element.clientHeight) / 2; }")
    expect(page.locator("#result .grid-row", has_text=re.compile(r"row (249|250)\d{3}$")).first).to_be_visible()
    assert page.locator("#result .grid-row").count() < 80


def test_completion_offers_tables_columns_and_functions(page):
    page.goto("/sql")
    page.keyboard.type("select * from ord")
    expect(page.locator("#sql-words li").first).to_contain_text("orders")
    page.keyboard.press("Tab")
    expect(page.locator("#q")).to_have_value("select * from orders")
    page.keyboard.type(" where partit")
    expect(page.locator("#sql-words li").first).to_contain_text("partition")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("select * from orders where partition")
    page.locator("#q").fill("")
    page.keyboard.type("select * from odd")
    expect(page.locator("#sql-words li").first).to_contain_text("odd.name")
    page.keyboard.press("Tab")
    expect(page.locator("#q")).to_have_value('select * from "odd.name"')


def test_who_types_quicker_than_the_names_of_tables_come_is_offered_them_all_the_same(page):
    held = []
    page.route("**/api/sql/tables", lambda route: held.append(route))
    page.goto("/sql")
    with page.expect_request("**/api/sql/tables"):
        page.keyboard.type("select * from ord")
    expect(page.locator("#sql-words")).to_be_hidden()
    held[0].continue_()
    expect(page.locator("#sql-words li").first).to_contain_text("orders")


def test_what_is_wrong_with_a_statement_is_said_while_typing(page):
    page.goto("/sql")
    page.keyboard.type("select nothing from nowhere ")
    expect(page.locator("[data-plan] .field-error")).to_contain_text("nowhere")
    page.keyboard.press("Control+Enter")
    expect(state(page)).to_have_text("It failed.")
    expect(page.locator("#result")).to_contain_text("there is no topic or table nowhere")
    expect(page.locator("#result [data-grid]")).to_be_hidden()


def test_where_a_statement_cannot_be_read_is_pointed_at(page):
    run(page, "select key from orders\nwhere")
    expect(state(page)).to_have_text("It failed.")
    where = page.locator("#result .sql-where")
    expect(where).to_contain_text("LINE 2: where")
    lines = where.inner_text().splitlines()
    assert lines[-1].strip("^ ") == ""
    assert lines[-1].index("^") == lines[-2].index("where")


def test_statements_that_would_change_something_are_refused(page):
    run(page, "drop table orders")
    expect(state(page)).to_have_text("It failed.")


def test_it_is_run_from_anywhere_on_the_page(page):
    page.goto(link("select 7 as seven"))
    page.locator("h1").click()
    page.keyboard.press("Control+Enter")
    expect(cell(page, 1, 1)).to_have_text("7")


def test_a_query_is_cancelled(page):
    run(page, "select count(*) from range(100000) a, range(1000000) b where (a.range * b.range) % 7 = 3")
    page.get_by_role("button", name="Cancel").click()
    expect(state(page)).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    run(page, "select 1 as one")
    expect(cell(page, 1, 1)).to_have_text("1", timeout=20_000)


def test_parameters_have_fields_and_are_in_the_address(page):
    page.goto(link("select count(*) as n from orders where key = $key", key="k3"))
    expect(page.locator("#p-key")).to_have_value("k3")
    page.keyboard.press("Enter")
    expect(cell(page, 1, 1)).to_have_text("100")
    page.locator("#p-key").fill("none such")
    page.locator("#q").focus()
    page.keyboard.press("Control+Enter")
    expect(cell(page, 1, 1)).to_have_text("0")
    assert "p.key=none" in page.url


def test_parameters_and_strings_are_seen_behind_brackets(page):
    page.goto("/sql")
    page.locator("#q").fill("select count(*) as n from orders where key in ($a,$b) and value like concat('{', '%')")
    expect(page.locator("[data-params] input")).to_have_count(2)
    assert page.locator(".k-string").all_inner_texts() == ["'{'", "'%'"]
    page.locator("#p-a").fill("k1")
    page.locator("#p-b").fill("k2")
    page.keyboard.press("Control+Enter")
    expect(cell(page, 1, 1)).to_have_text("200")


def test_the_whole_state_is_in_the_address_and_comes_back(page):
    page.goto("/sql")
    page.locator("#q").fill("select key, count(*) as records from orders where key <> $not group by key")
    page.locator("#p-not").fill("k1")
    page.get_by_label("committed records only").check()
    page.keyboard.press("Control+Enter")
    expect(state(page)).to_contain_text("4 rows")
    page.get_by_role("tab", name="Chart").click()
    expect(page.locator(".chart-room svg rect")).to_have_count(4)
    address = page.url
    page.goto("/topics")
    page.goto(address)
    expect(page.get_by_label("committed records only")).to_be_checked()
    expect(page.locator("#p-not")).to_have_value("k1")
    page.keyboard.press("Enter")
    expect(page.locator(".chart-room svg rect")).to_have_count(4)
    page.locator("#q").fill("select 1 as one")
    page.keyboard.press("Control+Enter")
    expect(state(page)).to_contain_text("1 row in")
    page.go_back()
    expect(page.locator("#q")).to_have_value(re.compile("count"))
    expect(page.locator("#p-not")).to_have_value("k1")


def test_tables_are_looked_up_and_put_where_the_cursor_is(page):
    page.goto("/sql")
    page.get_by_role("button", name="Tables").click()
    expect(page.locator("#dialog .pick li", has_text="group_offsets")).to_contain_text("committed_offset")
    page.keyboard.type("odd.name")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value('select * from "odd.name" limit 100')
    page.locator("#q").fill("select count(*) from ")
    page.get_by_role("button", name="Tables").click()
    expect(page.locator("#dialog .pick li").first).to_be_visible()
    page.keyboard.type("orders")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("select count(*) from orders")


def test_values_are_whole_and_null_is_told_from_text(page):
    run(
        page,
        "select 12345678901234567890123 as big, null as nothing, 'NULL' as word, '\\xFF'::blob as bytes, [1,2] as list",
    )
    expect(cell(page, 1, 1)).to_have_text("12345678901234567890123")
    expect(cell(page, 1, 2)).to_have_class("null")
    assert "null" not in (cell(page, 1, 3).get_attribute("class") or "")
    page.locator("#result .grid-row").first.dblclick()
    expect(page.locator("#dialog")).to_contain_text("12345678901234567890123")


def test_a_chart_is_chosen_and_can_be_changed(page):
    run(page, "select key, count(*) as records from orders group by key order by key")
    expect(state(page)).to_contain_text("5 rows in")  # while it runs, Escape cancels
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator(".chart-room svg rect")).to_have_count(5)
    page.locator(".chart-room select").first.select_option("line")
    expect(page.locator(".chart-room svg path.line")).to_have_count(1)
    page.locator(".chart-room svg").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".chart-room [role=status]")).to_contain_text("records 100")


def test_a_chart_draws_a_line_for_each_of_the_names_beside_a_time(page):
    run(
        page,
        "select timestamp '2026-01-01 00:00:00' + interval (n) minute as minute, 'g' || g as group_id, n * g as lag "
        "from range(10) t(n), range(6) u(g)",
    )
    expect(state(page)).to_contain_text("60 rows in")
    page.get_by_role("tab", name="Chart").click()
    expect(page.locator(".chart-room svg path.line")).to_have_count(4)
    expect(page.locator(".chart-legend")).to_have_text("g2g3g4g5")
    expect(page.locator(".chart-room")).to_contain_text("The 4 largest are drawn; 2 more are not.")
    page.get_by_label("Lines by").select_option("-1")
    expect(page.locator(".chart-room svg path.line")).to_have_count(1)


def test_what_was_forgotten_or_saved_over_comes_back_by_undo(page):
    def save(sql):
        run(page, sql)
        expect(state(page)).to_contain_text("1 row in")
        page.get_by_role("button", name="Save", exact=True).click()
        page.keyboard.type("mine")
        page.keyboard.press("Enter")

    def saved():
        return [each["sql"] for each in page.request.get("/api/sql/saved").json()]

    save("select 1 as first")
    expect(page.locator("[data-toast]")).to_contain_text("Saved as mine.")
    save("select 2 as second")
    expect(page.locator("[data-toast]")).to_contain_text("in place of another statement")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-toast]")).to_contain_text("as it was")
    assert saved() == ["select 1 as first"]
    page.get_by_role("button", name="Saved").click()
    page.get_by_role("button", name="Forget mine").click()
    expect(page.locator("#dialog .pick")).to_contain_text("None yet")
    assert saved() == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-toast]", has_text="is there again")).to_be_visible()
    assert saved() == ["select 1 as first"]


def test_statements_are_the_users_whichever_cluster_the_page_is_of(page, console):
    save_contexts(Contexts({"second": Context("second", console.cluster.bootstrap_servers)}, None))
    page.goto("/clusters/second/sql")
    page.locator("#q").fill("select 42 as answer")
    page.keyboard.press("Control+Enter")
    expect(cell(page, 1, 1)).to_have_text("42")
    page.get_by_role("button", name="History").click()
    expect(page.locator("#dialog .pick li").first).to_contain_text("select 42 as answer")


def test_statements_are_saved_found_and_forgotten(page):
    run(page, "select 42 as answer")
    expect(state(page)).to_contain_text("1 row in")
    page.get_by_role("button", name="Save", exact=True).click()
    page.keyboard.type("the answer")
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]")).to_contain_text("Saved as the answer")
    page.goto("/sql")
    page.get_by_role("button", name="Saved").click()
    page.keyboard.type("answer")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("select 42 as answer")
    page.get_by_role("button", name="History").click()
    expect(page.locator("#dialog .pick li").first).to_contain_text("select 42 as answer")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog[open]")).to_have_count(0)
    page.get_by_role("button", name="Saved").click()
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#dialog .pick")).to_contain_text("None yet")


def test_a_result_is_exported(page):
    run(page, "select key, count(*) as n from orders group by key order by key")
    expect(state(page)).to_contain_text("5 rows")
    page.locator("#result-export summary").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    lines = waiting.value.path().read_text().splitlines()
    assert lines[0] == "key,n"
    assert len(lines) == 6
