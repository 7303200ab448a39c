"""Actions on clients: producers, consumers, members of groups, and records sent by hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from engine.sim.actors import Actor
from engine.sim.classroom import actions as do
from engine.sim.classroom.acting.base import ActingBase, Refused
from engine.sim.classroom.clients import ClassConsumer, ClassMember, ClassProducer, ClientState
from engine.sim.group_load import GroupWatch
from engine.sim.process import ProcessState

if TYPE_CHECKING:
    from engine.sim.classroom.world import Classroom

CLIENTS_MAX = 30


class OnClients(ActingBase):
    """See the package."""

    def __init__(self, room: Classroom) -> None:
        super().__init__(room)
        self._sessions = 0

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


def _yes(value: bool) -> str:
    return "yes" if value else "no"
