"""What each action does to the world. `Refused` says why it cannot be done now; nothing has changed then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    CreateTopicsRequest,
    DeleteTopicsRequest,
    ElectLeadersRequest,
    IncrementalAlterConfigsRequest,
    UnregisterBrokerRequest,
)
from engine.runtime import safeguards
from engine.sim.actors import Actor
from engine.sim.classroom import actions as do
from engine.sim.classroom import flight
from engine.sim.classroom.clients import ClassConsumer, ClassMember, ClassProducer, ClientState
from engine.sim.crash import PowerLoss
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.group_load import GroupWatch
from engine.sim.nodes import NodeState, SimNode
from engine.sim.process import Host, ProcessState

if TYPE_CHECKING:
    from engine.sim.classroom.world import Classroom

CLIENTS_MAX = 30
_TOPIC_RESOURCE = 2
_SET, _DELETE = 0, 1
_ATTEMPTS = 40
_PAUSE_S = 0.25


class Refused(Exception):
    """The action cannot be done now. The message is for people."""


class Acting:
    """Does actions to the world of one classroom. Runs inside the world's loop."""

    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._world = room.world
        self._sessions = 0

    def act(self, action: do.Action) -> tuple[str, str]:
        """Do it; returns what was done and why that matters, for the timeline. Raises Refused."""
        name = type(action).__name__
        method: Callable[[Any], tuple[str, str] | str] = getattr(self, f"_{_snake(name)}")
        answer = method(action)
        return (answer, "") if isinstance(answer, str) else answer

    # ---- helpers

    def _node(self, node_id: int) -> SimNode:
        node = self._world.nodes.get(node_id)
        if node is None:
            raise Refused(f"there is no node {node_id}")
        return node

    def _running(self, node_id: int) -> SimNode:
        node = self._node(node_id)
        if node.state is NodeState.DOWN:
            raise Refused(f"node {node_id} is down already")
        return node

    def _host(self, host_id: int) -> Host:
        return self._world.client_host if host_id == do.CLIENTS else self._node(host_id).host

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._world.loop.create_task(work, name=name)

    def _ask(self, request: Any, what: str, codes: Callable[[Any], Iterable[tuple[int, str | None]]]) -> None:
        """Ask until a node answers; what it answered goes on the timeline."""

        async def ask() -> None:
            for _ in range(_ATTEMPTS):
                answer = await self._world.ask(request)
                if answer is not None:
                    found = [(ErrorCode.of(code), text) for code, text in codes(answer)]
                    wrong = [(code, text) for code, text in found if code != ErrorCode.NONE]
                    again = {ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT, ErrorCode.BROKER_NOT_AVAILABLE}
                    if wrong and wrong[0][0] in again:
                        await asyncio.sleep(_PAUSE_S)
                        continue
                    if wrong:
                        self._room.note("config", f"{what}: refused with {wrong[0][0].name}.", wrong[0][1] or "")
                    else:
                        self._room.note("config", f"{what}: done.")
                    return
                await asyncio.sleep(_PAUSE_S)
            self._room.note("config", f"{what}: nobody answered.")

        self._spawn(ask(), what)

    # ---- nodes

    def _kill(self, action: do.Kill) -> tuple[str, str]:
        self._running(action.node).kill()
        return (
            f"Node {action.node} was killed.",
            "Its connections were reset; what it wrote is in the page cache still.",
        )

    def _stop(self, action: do.Stop) -> str:
        node = self._running(action.node)
        if node.state is not NodeState.UP or node.has_failed:
            raise Refused(f"node {action.node} is {node.state.value}")

        async def stop() -> None:
            try:
                await node.stop()
            except (OSError, RuntimeError) as error:
                self._room.note("node", f"Node {action.node} did not stop in good order: {type(error).__name__}.")

        self._spawn(stop(), f"stop {action.node}")
        return f"Node {action.node} was asked to stop."

    def _restart(self, action: do.Restart) -> str:
        node = self._node(action.node)
        if node.state is not NodeState.DOWN:
            node.resume()
            node.kill()
        node.disk.faults.failed_syncs = 0
        node.start()
        return f"Node {action.node} was started."

    def _pause(self, action: do.Pause) -> str:
        node = self._running(action.node)
        node.pause()
        return f"Node {action.node} stands still."

    def _resume(self, action: do.Resume) -> str:
        node = self._running(action.node)
        if node.process is None or node.process.state is not ProcessState.PAUSED:
            raise Refused(f"node {action.node} is not paused")
        node.resume()
        return f"Node {action.node} goes on."

    def _wipe(self, action: do.Wipe) -> tuple[str, str]:
        node = self._node(action.node)
        if node.state is not NodeState.DOWN:
            node.resume()
            node.kill()
        self._spawn(node.wipe(), f"wipe {action.node}")
        return f"The disk of node {action.node} was wiped.", "It has forgotten everything, its votes too."

    def _power_cut(self, action: do.PowerCut) -> tuple[str, str]:
        nodes = [self._node(node_id) for node_id in action.nodes]
        if all(node.state is NodeState.DOWN and not node.host.up for node in nodes):
            raise Refused("these nodes have no power already")
        for node in nodes:
            node.lose_power(PowerLoss.LOST)
        names = ", ".join(str(node_id) for node_id in action.nodes)
        return f"Node {names} lost power.", "What was not synced to the disk is gone."

    def _add_node(self, action: do.AddNode) -> str:
        if action.node in self._world.nodes:
            raise Refused(f"there is a node {action.node} already")
        node = self._room.new_node(action.node, action.rack)

        async def start() -> None:
            await node.format(self._room.cluster_id, self._world.randomness.part(f"added-{action.node}").uuid())
            if node.state is NodeState.DOWN:
                await asyncio.wait([node.start()])

        self._spawn(start(), f"add {action.node}")
        return f"Node {action.node} was added: a broker with an empty disk."

    def _remove_node(self, action: do.RemoveNode) -> str:
        node = self._node(action.node)
        if self._room.is_voter(action.node):
            raise Refused(f"node {action.node} is a voter of the quorum; only brokers that were added can be removed")
        if node.state is not NodeState.DOWN:
            node.kill()
        self._ask(
            UnregisterBrokerRequest(broker_id=action.node),
            f"Unregister broker {action.node}",
            lambda answer: [(answer.error_code, answer.error_message)],
        )
        return f"Node {action.node} was removed."

    def _skew_clock(self, action: do.SkewClock) -> str:
        node = self._node(action.node)
        node.clock.offset_ms = action.offset_ms
        return f"The clock of node {action.node} is off by {action.offset_ms} ms."

    # ---- network

    def _cut(self, action: do.Cut) -> str:
        self._world.network.cut([self._host(action.source)], [self._host(action.to)], both_ways=action.both_ways)
        ways = "in both directions" if action.both_ways else "in this direction only"
        return f"The link from {_host_name(action.source)} to {_host_name(action.to)} was cut, {ways}."

    def _partitioned(self, action: do.Partitioned) -> str:
        sets = [[self._host(host_id) for host_id in members] for members in action.sets]
        for index, one in enumerate(sets):
            for other in sets[index + 1 :]:
                self._world.network.cut(one, other)
        names = " | ".join(", ".join(_host_name(host_id) for host_id in members) for members in action.sets)
        return f"The network was split: {names}."

    def _heal(self, action: do.Heal) -> str:
        self._room.slow.clear()
        for link in self._world.network.links():
            link.profile = self._room.link_profile(link)
        self._world.network.heal_all()
        return "The network works again."

    def _slow_down(self, action: do.SlowDown) -> str:
        node = self._node(action.node)
        if action.by_ms:
            self._room.slow[action.node] = action.by_ms
        else:
            self._room.slow.pop(action.node, None)
        for other in self._world.network.hosts():
            if other is not node.host:
                for link in (self._world.network.link(node.host, other), self._world.network.link(other, node.host)):
                    link.profile = self._room.present_profile(link)
        return f"Everything to and from node {action.node} takes {action.by_ms} ms longer."

    def _message(self, found: Any, what: str) -> str:
        if found is None:
            raise Refused("that message is not under way any more")
        return f"{what}: {found.api} {found.kind} from {found.source} to {found.to} ({found.size_bytes} bytes)."

    def _hold(self, action: do.Hold) -> str:
        until_ns = self._world.loop.now_ns + flight.HELD_NS
        return self._message(flight.move(self._world.network, action.message, to_ns=until_ns), "Held")

    def _release(self, action: do.Release) -> str:
        return self._message(flight.move(self._world.network, action.message, to_ns=0), "Released")

    def _delay(self, action: do.Delay) -> str:
        found = flight.move(self._world.network, action.message, by_ns=action.by_ms * 1_000_000)
        return self._message(found, f"Delayed by {action.by_ms} ms")

    def _drop(self, action: do.Drop) -> tuple[str, str]:
        text = self._message(flight.drop(self._world.network, action.message), "Dropped")
        return text, "TCP would send a lost packet again, so the whole connection broke."

    # ---- disks

    def _fill_disk(self, action: do.FillDisk) -> str:
        node = self._node(action.node)
        node.may_fail = True
        node.disk.faults.capacity_bytes = node.disk.used_bytes + action.left_bytes
        return f"The disk of node {action.node} has {action.left_bytes} bytes left."

    def _break_disk(self, action: do.BreakDisk) -> str:
        node = self._node(action.node)
        node.may_fail = True
        node.disk.faults.add(DiskFaultRule(action.operation))
        return f"From now on every {action.operation} on the disk of node {action.node} fails."

    def _repair_disk(self, action: do.RepairDisk) -> str:
        node = self._node(action.node)
        node.disk.faults.clear()
        node.disk.faults.capacity_bytes = None
        return f"The disk of node {action.node} works again."

    # ---- the cluster

    def _create_topic(self, action: do.CreateTopic) -> str:
        self._ask(
            topic_request(action, len(self._world.nodes)),
            f"Create topic {action.topic}",
            lambda answer: [(each.error_code, each.error_message) for each in answer.topics],
        )
        return f"Topic {action.topic} was asked for."

    def _delete_topic(self, action: do.DeleteTopic) -> str:
        request = DeleteTopicsRequest(
            topics=[DeleteTopicsRequest.DeleteTopicState(name=action.topic)], topic_names=[action.topic]
        )
        self._ask(
            request,
            f"Delete topic {action.topic}",
            lambda answer: [(each.error_code, each.error_message) for each in answer.responses],
        )
        return f"Topic {action.topic} was asked to be deleted."

    def _set_config(self, action: do.SetConfig) -> str:
        request = IncrementalAlterConfigsRequest(
            resources=[
                IncrementalAlterConfigsRequest.AlterConfigsResource(
                    resource_type=_TOPIC_RESOURCE,
                    resource_name=action.topic,
                    configs=[
                        IncrementalAlterConfigsRequest.AlterableConfig(
                            name=action.name,
                            config_operation=_DELETE if action.value is None else _SET,
                            value=action.value,
                        )
                    ],
                )
            ],
            validate_only=False,
        )
        what = f"{action.topic}: {action.name}={'(default)' if action.value is None else action.value}"
        self._ask(request, what, lambda answer: [(each.error_code, each.error_message) for each in answer.responses])
        return f"{what} was asked for."

    def _elect(self, action: do.Elect) -> str:
        kind = "unclean" if action.unclean else "preferred"
        request = ElectLeadersRequest(
            election_type=int(action.unclean),
            topic_partitions=[ElectLeadersRequest.TopicPartitions(topic=action.topic, partitions=[action.partition])],
            timeout_ms=3_000,
        )

        def codes(answer: Any) -> list[tuple[int, str | None]]:
            found: list[tuple[int, str | None]] = [(answer.error_code, None)]
            for topic in answer.replica_election_results:
                found.extend((each.error_code, each.error_message) for each in topic.partition_result)
            return found

        self._ask(request, f"Elect a leader ({kind}) for {action.topic}-{action.partition}", codes)
        return f"A {kind} election was asked for {action.topic}-{action.partition}."

    def _take_away(self, action: do.TakeAway) -> str:
        safeguard = safeguards.BY_NAME.get(action.safeguard)
        if safeguard is None:
            raise Refused(f"there is no safeguard {action.safeguard}; `stoker sim safeguards` lists them")
        self._room.without = tuple(sorted({*self._room.without, action.safeguard}))
        return f"The safeguard {safeguard.name} ({safeguard.source}) was taken away. {safeguard.otherwise}"

    def _give_back(self, action: do.GiveBack) -> str:
        self._room.without = tuple(name for name in self._room.without if name != action.safeguard)
        return f"The safeguard {action.safeguard} is there again."

    # ---- clients

    def _start(self, state: ClientState, main: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        room = self._room
        if state.name in room.clients and room.clients[state.name][1].process.state is not ProcessState.DEAD:
            if not room.clients[state.name][0].is_over:
                raise Refused(f"there is a client {state.name} already")
            room.clients[state.name][1].crash()
        if len(room.clients) >= CLIENTS_MAX and state.name not in room.clients:
            raise Refused(f"there are {CLIENTS_MAX} clients already")
        self._sessions += 1
        number = self._sessions

        async def guarded(session: str) -> None:
            try:
                await main(f"{session}.{number}" if number > 1 and "/" in session else session)
            except (OSError, TimeoutError, ConnectionError) as error:
                state.last_error = type(error).__name__

        actor = Actor(state.name, self._world.network, self._world.client_host, guarded)
        room.clients[state.name] = (state, actor)
        actor.start()

    def _add_producer(self, action: do.AddProducer) -> str:
        if action.idempotent and action.acks != -1:
            raise Refused("an idempotent producer needs acks=all")
        state = ClientState(action.name, "producer", action.topic, acks=action.acks, idempotent=action.idempotent)

        async def main(session: str) -> None:
            producer = ClassProducer(
                session,
                self._world.bootstrap,
                self._world.randomness.stream(session),
                self._world.history,
                state,
                keys=action.keys,
                rate=action.rate,
                count=action.count,
                partition=action.partition,
                retries=action.retries,
            )
            await producer.run()

        self._start(state, main)
        acks = "all" if action.acks == -1 else action.acks
        return f"Producer {action.name} sends to {action.topic} (acks={acks}, idempotent: {_yes(action.idempotent)})."

    def _produce_by_hand(self, action: do.ProduceByHand) -> str:
        room = self._room
        state = room.hand(action.topic, action.acks)

        async def main(session: str) -> None:
            producer = ClassProducer(
                session,
                self._world.bootstrap,
                self._world.randomness.stream(session),
                self._world.history,
                state,
                keys=(),
                rate=1.0,
                count=1,
                partition=action.partition,
                retries=200,
            )
            await producer.refresh()
            await producer.send(action.value.encode(), action.key)
            producer.close()

        self._sessions += 1
        process = self._world.network.new_process(f"hand-{self._sessions}", self._world.client_host)
        process.spawn(main(f"hand-{self._sessions}"), name=f"hand-{self._sessions}")
        return f"A record {action.value!r:.40} was sent to {action.topic} by hand."

    def _add_consumer(self, action: do.AddConsumer) -> str:
        state = ClientState(action.name, "consumer", action.topic)

        async def main(session: str) -> None:
            consumer = ClassConsumer(
                session, self._world.bootstrap, self._world.randomness.stream(session), state, action.rack
            )
            await consumer.run()

        self._start(state, main)
        return f"Consumer {action.name} reads {action.topic}."

    def _add_member(self, action: do.AddMember) -> str:
        state = ClientState(action.name, "member", action.topic, group=action.group)
        watch = next((each for each in self._world.groups if each.group_id == action.group), None)
        if watch is None:
            watch = GroupWatch(action.group, action.topic, self._world.violations.append)
            self._world.groups.append(watch)
        found = watch

        async def main(session: str) -> None:
            member = ClassMember(
                session,
                self._world.bootstrap,
                self._world.randomness.stream(session),
                self._world.history,
                found,
                state,
                assignor=action.assignor,
                commit=action.commit,
                process_ms=action.process_ms,
                static=action.static,
            )
            await member.run()

        self._start(state, main)
        return f"{action.name} joins group {action.group} ({action.assignor}, commits: {action.commit})."

    def _client(self, name: str) -> tuple[ClientState, Actor]:
        found = self._room.clients.get(name)
        if found is None:
            raise Refused(f"there is no client {name}")
        return found

    def _crash_client(self, action: do.CrashClient) -> str:
        _, actor = self._client(action.name)
        if actor.process.state is ProcessState.DEAD:
            raise Refused(f"{action.name} has crashed already")
        actor.crash()
        return f"{action.name} crashed."

    def _restart_client(self, action: do.RestartClient) -> str:
        state, actor = self._client(action.name)
        if actor.process.state is not ProcessState.DEAD:
            raise Refused(f"{action.name} runs already")
        state.is_over = False
        actor.restart()
        return f"{action.name} was started again."

    def _pause_client(self, action: do.PauseClient) -> str:
        _, actor = self._client(action.name)
        if actor.process.state is not ProcessState.RUNNING:
            raise Refused(f"{action.name} does not run")
        actor.process.pause()
        return f"{action.name} stands still."

    def _resume_client(self, action: do.ResumeClient) -> str:
        _, actor = self._client(action.name)
        if actor.process.state is not ProcessState.PAUSED:
            raise Refused(f"{action.name} is not paused")
        actor.process.resume()
        return f"{action.name} goes on."

    def _remove_client(self, action: do.RemoveClient) -> str:
        state, _ = self._client(action.name)
        if state.is_over:
            raise Refused(f"{action.name} has ended already")
        state.is_over = True
        return f"{action.name} was asked to end."


def topic_request(action: do.CreateTopic, nodes: int) -> CreateTopicsRequest:
    """The request that makes that topic."""
    topic = CreateTopicsRequest.CreatableTopic(
        name=action.topic,
        num_partitions=-1 if action.replicas else action.partitions,
        replication_factor=-1 if action.replicas else min(action.replication, nodes),
        assignments=[
            CreateTopicsRequest.CreatableReplicaAssignment(partition_index=index, broker_ids=list(replicas))
            for index, replicas in enumerate(action.replicas)
        ],
        configs=[
            CreateTopicsRequest.CreatableTopicConfig(name=name, value=value) for name, value in action.configs.items()
        ],
    )
    return CreateTopicsRequest(topics=[topic], timeout_ms=10_000)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _host_name(host_id: int) -> str:
    return "the clients" if host_id == do.CLIENTS else f"node {host_id}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
