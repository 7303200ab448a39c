"""What users' SQL must not be able to do: 50 escapes and 20 attacks on resources. The worker is the real one, locked down.

Afterwards the same service answers the next query: an attack costs its own query, at most its own worker.
"""

import contextlib
import os
from pathlib import Path

import pytest

from console.errors import OperatorError
from console.sql.results import SqlLimits

SECRET = "stoker-secret-marker"

ESCAPES = [
    # Files
    "select * from read_csv('{file}')",
    "select * from read_csv_auto('{file}')",
    "select * from read_text('{file}')",
    "select * from read_blob('{file}')",
    "select * from read_json('{file}')",
    "select * from read_json_objects('{file}')",
    "select * from read_ndjson('{file}')",
    "select * from read_parquet('{file}')",
    "select * from parquet_metadata('{file}')",
    "select * from sniff_csv('{file}')",
    "select * from glob('/etc/*')",
    "select * from '{file}'",
    'select * from "{file}"',
    "select * from '/etc/passwd'",
    "from '{file}'",
    "describe '{file}'",
    "summarize '{file}'",
    "select * from query('select * from read_text(''{file}'')')",
    "select * from query_table('{file}')",
    "with x as (select * from read_text('{file}')) select * from x",
    "select (select content from read_text('{file}'))",
    "explain analyze select * from read_text('{file}')",
    "select * from read_text(['{file}'])",
    "select * from read_text('/proc/self/environ')",
    "select * from read_blob('/proc/self/mem')",
    # Writing, and what is not a query
    "copy (select 1) to '{out}'",
    "copy orders from '{file}'",
    "export database '{out}'",
    "import database '{out}'",
    "attach '{out}' as x",
    "attach ':memory:' as x",
    "create table x as select 1",
    "create macro f(x) as x",
    "create secret s (type http, bearer_token 'x')",
    "insert into orders values (1)",
    "delete from orders",
    "explain analyze copy (select 1) to '{out}'",
    "explain copy (select 1) to '{out}'",
    "prepare p as select 1",
    "call pragma_version()",
    "pragma database_list",
    "begin transaction",
    # A PIVOT of the data is two statements to DuckDB: what hides behind one
    "copy (pivot orders on key using count(*)) to '{out}'",
    "create table x as pivot orders on key using count(*)",
    "insert into x pivot orders on key using count(*)",
    "with p as (select 1) insert into x (pivot orders on key using count(*))",
    "prepare p as pivot orders on key using count(*)",
    "explain analyze copy (pivot orders on key using count(*)) to '{out}'",
    "pivot orders on key using count(*); copy (select 1) to '{out}'",
    "pivot (select content as c from read_text('{file}')) on c using count(*)",
    "pivot '{file}' on a using count(*)",
    "use memory",
    "select 1; copy (select 1) to '{out}'",
    # Settings
    "set enable_external_access = true",
    "reset lock_configuration",
    "set memory_limit = '100GB'",
    "set global threads = 64",
    "pragma threads = 64",
    # Network and extensions
    "select * from 'https://127.0.0.1:1/x.parquet'",
    "select * from read_csv('http://127.0.0.1:1/x.csv')",
    "install httpfs",
    "load httpfs",
    "load '{file}'",
    "select * from 's3://bucket/x.parquet'",
    # Environment and the process
    "select getenv('STOKER_SECRET')",
    "select * from postgres_scan('host=127.0.0.1', 'public', 'x')",
    "select * from sqlite_scan('{file}', 'x')",
    "select python_map(1)",
    "select * from duckdb_secrets(redact => false) union all select * from read_text('{file}')",
    "select * from secret_table",
]


@pytest.fixture
def secret(tmp_path, monkeypatch):
    file = tmp_path / "secret.csv"
    file.write_text(f"a,b\n{SECRET},1\n")
    monkeypatch.setenv("STOKER_SECRET", SECRET)
    return file


def test_there_are_fifty_escapes():
    assert len(ESCAPES) >= 50


@pytest.mark.parametrize("attempt", ESCAPES)
def test_no_escape(ask, orders, secret, tmp_path, attempt):
    secret_table = [SECRET]  # noqa: F841 - a variable by that name must not be found
    out = tmp_path / "out"

    with pytest.raises(OperatorError) as raised:
        ask(attempt.format(file=secret, out=out))

    said = f"{raised.value} {raised.value.detail} {raised.value.hint}"
    assert SECRET not in said
    assert "SQL worker" not in said, "it should be refused, not crash"
    assert not out.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["secret.csv"]


@pytest.mark.parametrize(
    "question",
    [
        "select value from duckdb_settings() where name in ('home_directory', 'secret_directory', 'extension_directory')",
        "select * from duckdb_databases()",
        "select * from duckdb_variables()",
        "select * from pragma_version()",
        "select current_setting('temp_directory')",
        "select current_user, current_database(), version()",
    ],
)
def test_what_may_be_asked_about_the_engine_tells_nothing_about_the_machine(ask, question):
    told = repr(ask(question).rows)

    for fact in (str(Path.home()), os.getcwd(), os.uname().nodename, SECRET):
        assert fact not in told


def test_the_worker_has_no_environment_no_descriptors_to_give_and_no_way_to_write(ask):
    ask("select 1")
    limits = Path(f"/proc/{ask.service.worker_pid}/limits")
    if not limits.exists():
        pytest.skip("no /proc here")
    rows = {line[:25].strip(): line[25:].split() for line in limits.read_text().splitlines()[1:]}

    assert rows["Max open files"][:2] == ["0", "0"]
    assert rows["Max file size"][:2] == ["0", "0"]
    assert rows["Max core file size"][:2] == ["0", "0"]
    assert rows["Max address space"][0] != "unlimited"
    assert rows["Max cpu time"][0] != "unlimited"
    environment = Path(f"/proc/{ask.service.worker_pid}/environ").read_bytes().decode()
    assert {each.split("=")[0] for each in environment.split("\0") if each} == {"PATH", "TZ", "LC_ALL"}


# Resources: each within its time, and the next query is answered.

ATTACKS = [
    "select repeat('a', 1000000000)",
    "select length(repeat('a', 4000000000))",
    "select string_agg(repeat('x', 1000000), '') from range(10000)",
    "select list(i) from range(1000000000) t(i)",
    "select array_agg(repeat('x', 10000)) from range(1000000)",
    "select count(*) from range(100000000000)",
    "select sum(a.i * b.i) from range(10000000) a(i), range(10000000) b(i)",
    "with recursive r as (select 1 i union all select i + 1 from r) select max(i) from r",
    "with recursive r as (select 1 i union all select i + 1 from r, range(1000)) select count(*) from r",
    "select count(*) from range(100000000) a(i) join range(100000000) b(j) on a.i = b.j",
    "select i, row_number() over (order by hash(i)) from range(1000000000) t(i) order by 2 desc",
    "select distinct repeat(i::varchar, 100) from range(100000000) t(i)",
    "select regexp_matches(repeat('a', 100000000), '(a+)+$')",
    "select " + "(" * 5000 + "1" + ")" * 5000,
    "select " + "+".join(["1"] * 20000),
    "select '" + "a" * 70_000 + "'",
    "select unnest(range(1000000000000))",
    "select * from generate_series(1, 9223372036854775807)",
    "select md5(string_agg(i::varchar, ',')) from range(3000000000) t(i)",
    "select max(a.value || b.value) from orders a, orders b, orders c, orders d",
    "select list_sort(list_transform(range(500000000), lambda x: hash(x)))",
    "select repeat('a', 300000000) from range(1000)",
]


def test_there_are_twenty_attacks():
    assert len(ATTACKS) >= 20


@pytest.fixture(scope="module")
def attacked(asker):
    return asker.new_service()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack[:60])
def test_an_attack_on_resources_ends_in_time_and_costs_no_more_than_its_worker(ask, orders, attacked, attack):
    began = ask.loop.time()

    with contextlib.suppress(OperatorError):
        answer = ask(attack, service=attacked, time_ms=500, rows_max=1_000, bytes_max=64 * 1024 * 1024)
        assert len(answer.rows) <= 1_000

    assert ask.loop.time() - began < 10, "killed when over"
    assert ask("select 40 + 2", service=attacked, time_ms=20_000).rows == [(42,)]


def test_a_worker_that_is_killed_is_replaced(ask, orders, attacked):
    ask("select 1", service=attacked)
    before = attacked.worker_pid
    os.kill(before, 9)

    with contextlib.suppress(OperatorError):  # whoever comes first may be told
        ask("select 1", service=attacked)

    assert ask("select count(*) from orders", service=attacked).rows == [(3000,)]
    assert attacked.worker_pid != before


def test_a_statement_that_is_too_long_is_not_even_parsed(ask):
    with pytest.raises(OperatorError, match="more than 64 KiB"):
        ask("select '" + "x" * 65536 + "'")


def test_the_time_limit_is_for_the_query_and_not_for_who_reads_it(ask, orders):
    async def slow_reader():
        import asyncio

        rows = 0
        async with ask.service.run(
            "select offset from orders", None, SqlLimits(time_ms=2_000, page_rows=500)
        ) as result:
            async for page in result:
                await asyncio.sleep(0)
                rows += page.batch.num_rows
        return rows

    assert ask.do(slow_reader()) == 3000
