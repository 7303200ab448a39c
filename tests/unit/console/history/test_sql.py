"""The history asked in SQL, joined with the cluster's own tables."""

from console.history.sampler import Sampler
from console.history.tables import MetricsTable
from console.sql.service import SqlService
from tests.unit.console.embedded import commit, make_topic, produce


def test_the_past_of_a_group_joined_with_the_group_as_it_is(room, tmp_path):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic)
        await produce(client, topic, 10)
        await commit(client, group, {(topic, 0): 4})
        sampler = Sampler(client, history_path=lambda _: tmp_path / "h.duckdb")
        await sampler.sample()
        await produce(client, topic, 5)
        await sampler.sample()
        sql = (
            "select m.topic, m.partition, min(m.value), max(m.value), any_value(g.state), min(time) <= max(time) "
            "from metrics m join consumer_groups g using (group_id) "
            f"where m.metric = 'kafka_consumergroup_lag' and m.group_id = '{group}' group by all"
        )
        rows = []
        service = SqlService(client, providers=[MetricsTable(lambda: sampler.history)])
        async with service, service.run(sql) as result:
            async for page in result:
                rows += page.rows()
        await sampler.stop()
        return rows

    rows = room.run(story)

    assert [tuple(row) for row in rows] == [(topic, 0, 6.0, 11.0, "Empty", True)]
