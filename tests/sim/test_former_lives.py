"""What a follower said long ago counts for nothing, however late it arrives: of a former life (KIP-903), or over a connection
that it had given up."""

import asyncio

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest
from engine.sim.scripts.stage import Script
from engine.sim.workloads import TOPIC


def late_fetch(partition, follower, broker_epoch, offset):
    """As that follower would have sent it."""
    return FetchRequest(
        replica_state=FetchRequest.ReplicaState(replica_id=follower.node_id, replica_epoch=broker_epoch),
        max_wait_ms=0,
        session_epoch=-1,
        topics=[
            FetchRequest.FetchTopic(
                topic=TOPIC,
                topic_id=partition.topic_id,
                partitions=[
                    FetchRequest.FetchPartition(
                        partition=0,
                        current_leader_epoch=partition.leader_epoch,
                        fetch_offset=offset,
                        last_fetched_epoch=partition.leader_epoch,
                        partition_max_bytes=1 << 20,
                    )
                ],
            )
        ],
    )


def test_a_fetch_of_a_former_life_does_not_hide_what_the_new_one_has_told():
    """Seed 5378: it arrived behind the first fetch of the new life, whose incremental fetches never named the partition again;
    the replica stayed out of the ISR until somebody wrote. Kafka: Replica.updateFetchStateOrThrow."""
    script = Script()

    async def story():
        leader, (follower, _), _ = await script.begin()
        await script.send(5)
        await script.until(lambda: script.log_end(follower) == 5, "it has all")
        partition = script.partition(leader)
        remote = partition.leader.remotes[follower.node_id]
        former = remote.broker_epoch
        follower.kill()
        follower.start()
        await script.until(lambda: remote.broker_epoch > former, "its new life has asked")

        answer = await script.world.ask(late_fetch(partition, follower, former, 2), leader)
        assert answer.responses[0].partitions[0].error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        assert remote.log_end_offset == 5
        assert remote.broker_epoch > former
        return await script.judge()

    assert script.play(story()) == []


def test_a_fetch_over_a_connection_given_up_does_not_hide_what_the_next_one_has_told():
    """Kafka takes note of every partition of a session with every fetch; here a quiet partition is named once."""
    script = Script()

    async def story():
        leader, (follower, _), _ = await script.begin()
        await script.send(5)
        partition = script.partition(leader)
        remote = partition.leader.remotes[follower.node_id]
        await script.until(lambda: remote.log_end_offset == 5, "its leader knows that it has all")

        answer = await script.world.ask(late_fetch(partition, follower, remote.broker_epoch, 2), leader)
        assert answer.responses[0].partitions[0].error_code == ErrorCode.NONE
        await script.until(lambda: remote.log_end_offset == 5, "its leader knows that once more")
        await asyncio.sleep(15)  # longer than a replica may lag
        assert follower.node_id in script.isr(leader)
        return await script.judge()

    assert script.play(story()) == []
