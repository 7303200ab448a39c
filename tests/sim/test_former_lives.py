"""What a broker said in a former life counts for nothing (KIP-903), however late it arrives."""

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest
from engine.sim.scripts.stage import Script
from engine.sim.workloads import TOPIC


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

        late = FetchRequest(
            replica_state=FetchRequest.ReplicaState(replica_id=follower.node_id, replica_epoch=former),
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
                            fetch_offset=2,
                            last_fetched_epoch=partition.leader_epoch,
                            partition_max_bytes=1 << 20,
                        )
                    ],
                )
            ],
        )
        answer = await script.world.ask(late, leader)
        assert answer.responses[0].partitions[0].error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        assert (remote.log_end_offset, remote.broker_epoch > former) == (5, True)
        return await script.judge()

    assert script.play(story()) == []
