"""SQL over HTTP: running, cancelling, scrolling and exporting results, and the bounds of what is kept."""

import asyncio
import io
import time
from contextlib import asynccontextmanager

import pyarrow as pa
import pytest

from console.sql.results import ResultColumn, SqlLimits, Statistics
from web.api.errors import ApiError
from web.api.limits import SQL_PAGE_ROWS_MAX
from web.api.sql.store import ResultStore

ENDLESS = "select count(*) from range(1000000000) a, range(1000000) b where a.range * b.range % 7 = 3"


def run(api, sql, **options):
    with api.events("POST", "/api/sql", {"sql": sql, **options}, timeout_s=60) as events:
        return {name: data for name, data, _ in events}


def test_a_result_of_half_a_million_rows_scrolls(api):
    ran = run(api, "select range as n, 'row ' || range as words from range(500000)", rows_streamed=10)
    assert ran["rows"] == {"from": 0, "rows": [[n, f"row {n}"] for n in range(10)]}
    assert ran["finished"]["rows_total"] == 500_000
    place = f"/api/sql/results/{ran['finished']['id']}"
    for start in (0, 123_456, 499_999):
        page = api.checked("GET", f"{place}?from={start}&count=2").json()
        assert [row[0] for row in page["rows"]] == [start, start + 1][: 500_000 - start]
    beyond = api.checked("GET", f"{place}?from=500000").json()
    assert beyond["rows"] == []
    assert api.checked("GET", f"{place}?count={SQL_PAGE_ROWS_MAX + 1}").status == 400
    exported = api.ask("GET", f"{place}/export?format=parquet")
    import pyarrow.parquet as pq

    assert pq.read_table(io.BytesIO(exported.body)).num_rows == 500_000
    assert api.ask("GET", f"{place}/export?format=csv").body.count(b"\n") == 500_001


def test_values_of_every_kind_are_json(api):
    sql = """select 9007199254740993 as big, 1.5::decimal(10,2) as money, timestamptz '2026-01-01 00:00:00+00' as moment,
        'a\x00b'::blob as bytes, '\\xFF'::blob as other, [1, 2] as list, {'a': 170141183460469231731687303715884105727} as s,
        map {'k': 'v'} as map, null as nothing, 'nan'::double as nan"""
    (row,) = run(api, sql)["rows"]["rows"]
    assert row == [
        "9007199254740993", "1.50", "2026-01-01T00:00:00.000Z", "a\x00b", {"base64": "/w=="}, [1, 2],
        {"a": "170141183460469231731687303715884105727"}, {"k": "v"}, None, "nan",
    ]  # fmt: skip


def test_parameters_stand_for_what_is_named(api):
    assert run(api, "select $a || 'b' as x", parameters={"a": "'; drop"})["rows"]["rows"] == [["'; dropb"]]


def test_what_fails_says_why_and_is_kept_as_failed(api):
    ran = run(api, "select nonsense from brokers")
    assert ran["failed"]["error_code"] == 400
    assert "nonsense" in ran["failed"]["detail"]
    kept = api.checked("GET", f"/api/sql/results/{ran['begin']['id']}").json()["result"]
    assert kept["state"] == "failed"
    assert api.checked("GET", f"/api/sql/results/{ran['begin']['id']}/export").status == 400


def until_over(api, result_id):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        state = api.get(f"/api/sql/results/{result_id}").json()["result"]["state"]
        if state not in ("waiting", "running"):
            return state
        time.sleep(0.05)
    raise AssertionError("it does not end")


def test_closing_the_connection_cancels_the_query(api):
    with api.events("POST", "/api/sql", {"sql": ENDLESS, "remember": False}) as events:
        _, begin, _ = next(events)
        next(events)
    assert until_over(api, begin["id"]) == "cancelled"
    assert run(api, "select 1 as one")["finished"]["rows_total"] == 1


def test_delete_cancels_the_query(api):
    with api.events("POST", "/api/sql", {"sql": ENDLESS, "remember": False}) as events:
        _, begin, _ = next(events)
        assert api.delete(f"/api/sql/results/{begin['id']}").status == 204
        assert list(events)[-1][0] == "failed"
    assert api.get(f"/api/sql/results/{begin['id']}").status == 404


def test_a_query_has_a_time(api):
    assert "took more than" in run(api, ENDLESS, time_ms_max=200)["failed"]["message"]


def test_more_rows_than_may_be_kept_are_cut_and_it_is_said(api):
    finished = run(api, "select * from range(1000)", rows_max=100)["finished"]
    assert (finished["rows_total"], finished["statistics"]["truncated"], finished["rows_max"]) == (100, "rows", 100)


class FakeService:
    """Gives `pages` of rows; runs until it is let go."""

    def __init__(self, pages=1):
        self.pages = pages
        self.free = asyncio.Event()
        self.free.set()

    @asynccontextmanager
    async def run(self, sql, parameters, limits, *, on_progress):
        yield self

    columns = (ResultColumn("n", "BIGINT"),)
    statistics = Statistics()

    async def __aiter__(self):
        for _ in range(self.pages):
            await self.free.wait()
            yield type("Page", (), {"batch": pa.RecordBatch.from_arrays([pa.array(range(100))], names=["n"])})


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_the_oldest_results_go_when_there_is_no_room(anyio_backend):
    store = ResultStore(lambda: FakeService(), bytes_max=2_000)
    results = []
    for _ in range(5):
        results.append(store.run("select 1", None, SqlLimits()))
        await results[-1].task
    kept = [each.id for each in store.list()]
    assert kept == [each.id for each in reversed(results[-2:])]
    with pytest.raises(ApiError):
        store.get(results[0].id)


@pytest.mark.anyio
async def test_what_nobody_looks_at_goes_after_a_while(anyio_backend):
    now = [1_000]
    store = ResultStore(lambda: FakeService(), age_ms_max=100, clock_ms=lambda: now[0])
    first, second = store.run("1", None, SqlLimits()), store.run("2", None, SqlLimits())
    await asyncio.gather(first.task, second.task)
    now[0] += 80
    store.get(second.id)
    now[0] += 80
    assert [each.id for each in store.list()] == [second.id]


@pytest.mark.anyio
async def test_rows_are_found_across_pages(anyio_backend):
    store = ResultStore(lambda: FakeService(pages=3))
    result = store.run("1", None, SqlLimits())
    await result.task
    assert [row[0] for row in result.page(95, 10).rows()] == [*range(95, 100), *range(5)]
    assert result.page(300, 10).rows() == []
    assert result.page(0, 0).rows() == []


@pytest.mark.anyio
async def test_closing_ends_what_is_under_way(anyio_backend):
    service = FakeService()
    service.free.clear()
    store = ResultStore(lambda: service)
    result = store.run("1", None, SqlLimits())
    await asyncio.sleep(0)
    await store.close()
    assert result.state == "cancelled"


def test_what_is_wrong_with_a_statement_that_is_typed_is_an_answer_and_no_failure(api):
    for sql, words in (("selec", "cannot be parsed"), ("select * from no_such", "no_such"), ("drop table x", "")):
        said = api.checked("POST", "/api/sql/check", {"sql": sql})
        assert said.status == 200, said
        assert said.json()["plan"] is None
        assert words in str(said.json()["problem"])
    assert api.checked("POST", "/api/sql/check", {"sql": "select 1", "x": 1}).status == 400


def test_no_cell_of_a_result_as_csv_is_a_formula_unless_that_is_asked_for(api):
    sql = "select '=1+1' as \"@name\", -5 as n, '-5' as t"
    api.post("/api/sql", {"sql": sql}, headers={"Accept": "application/x-ndjson"})
    (kept, *_) = api.get("/api/sql/results").json()
    place = f"/api/sql/results/{kept['id']}/export?format=csv"
    assert api.ask("GET", place).text == "'@name,n,t\r\n'=1+1,-5,-5\r\n"
    assert api.ask("GET", f"{place}&formulas=kept").text == "@name,n,t\r\n=1+1,-5,-5\r\n"
