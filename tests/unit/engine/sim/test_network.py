"""Connections between simulated hosts, through asyncio's own interfaces."""

import asyncio

import pytest

from engine.sim.links import LinkProfile, NetworkProfile
from engine.sim.loop import SimLoop
from engine.sim.network import SimNetwork
from engine.sim.randomness import SimRandomness
from engine.sim.trace import Trace


class World:
    def __init__(self, seed=1, trace=None, **options):
        self.loop = SimLoop(SimRandomness(seed).stream("loop"))
        self.network = SimNetwork(self.loop, SimRandomness(seed, "network"), trace=trace, **options)
        self.a = self.network.add_host("a")
        self.b = self.network.add_host("b")
        self.pa = self.network.new_process("pa", self.a)
        self.pb = self.network.new_process("pb", self.b)

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def sleep(self, seconds):
        self.run(asyncio.sleep(seconds))


async def echo_server(host="0.0.0.0", port=9092):
    async def serve(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    return await asyncio.start_server(serve, host, port)


async def echo_once(text, host="b", port=9092):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


class Recorder(asyncio.Protocol):
    def __init__(self):
        self.transport = None
        self.data = bytearray()
        self.pieces = []
        self.lost = "not yet"
        self.eof = False
        self.writing = True

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        self.pieces.append(len(data))

    def eof_received(self):
        self.eof = True
        return False

    def connection_lost(self, exc):
        self.lost = exc

    def pause_writing(self):
        self.writing = False

    def resume_writing(self):
        self.writing = True


class BufferedRecorder(asyncio.BufferedProtocol):
    def __init__(self, size=7):
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.transport = None
        self.lost = "not yet"

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, nbytes):
        self.data += self.buffer[:nbytes]

    def connection_lost(self, exc):
        self.lost = exc


def connected(world, server_factory=Recorder, client_factory=Recorder):
    """A server on b, a client on a; their two protocols."""
    accepted = []

    def accept():
        protocol = server_factory()
        accepted.append(protocol)
        return protocol

    async def listen():
        return await asyncio.get_running_loop().create_server(accept, "0.0.0.0", 9092)

    async def connect():
        return (await asyncio.get_running_loop().create_connection(client_factory, "b", 9092))[1]

    world.run(world.pb.spawn(listen()))
    client = world.run(world.pa.spawn(connect()))
    world.sleep(0.1)
    return client, accepted[0]


def test_streams_carry_bytes_both_ways_and_half_close():
    world = World()
    world.run(world.pb.spawn(echo_server()))
    payload = bytes(range(256)) * 4000
    assert world.run(world.pa.spawn(echo_once(payload))) == payload


def test_bytes_take_the_latency_of_the_link():
    world = World(link_profile=LinkProfile(latency_ns=50_000_000, jitter_ns=0))
    world.run(world.pb.spawn(echo_server()))
    before = world.loop.now_ns
    world.run(world.pa.spawn(echo_once(b"x")))
    assert 200_000_000 <= world.loop.now_ns - before < 260_000_000  # handshake and echo: four crossings


def test_bandwidth_bounds_how_fast_bytes_arrive():
    world = World(link_profile=LinkProfile(latency_ns=0, jitter_ns=0, bytes_per_second=1_000_000))
    world.run(world.pb.spawn(echo_server()))
    before = world.loop.now_ns
    world.run(world.pa.spawn(echo_once(bytes(1_000_000))))
    assert world.loop.now_ns - before >= 1_000_000_000


def test_bytes_of_a_connection_keep_their_order_whatever_the_jitter():
    world = World(link_profile=LinkProfile(latency_ns=1000, jitter_ns=50_000_000))
    client, server = connected(world)
    expected = b"".join(b"%04d" % index for index in range(500))
    for start in range(0, len(expected), 4):
        client.transport.write(expected[start : start + 4])
        world.sleep(0.001)
    world.sleep(5)
    assert bytes(server.data) == expected


def test_dribble_delivers_byte_by_byte():
    world = World(link_profile=LinkProfile(dribble_bytes=3))
    client, server = connected(world)
    client.transport.write(bytes(100))
    world.sleep(1)
    assert len(server.data) == 100
    assert max(server.pieces) <= 3


def test_a_buffered_protocol_receives_through_its_own_buffer():
    world = World()
    client, server = connected(world, server_factory=BufferedRecorder)
    client.transport.writelines([b"hello ", bytearray(b"buffered "), memoryview(b"world")])
    world.sleep(1)
    assert bytes(server.data) == b"hello buffered world"


def test_what_is_written_is_what_it_was_at_the_moment_of_writing():
    world = World()
    client, server = connected(world)
    data = bytearray(b"before")
    client.transport.write(data)
    data[:] = b"after!"
    world.sleep(1)
    assert bytes(server.data) == b"before"


def test_addresses_are_told_as_sockets_tell_them():
    world = World()
    client, server = connected(world)
    assert client.transport.get_extra_info("peername") == (world.b.address, 9092)
    assert server.transport.get_extra_info("sockname") == (world.b.address, 9092)
    assert client.transport.get_extra_info("sockname") == server.transport.get_extra_info("peername")
    assert client.transport.get_extra_info("sockname")[0] == world.a.address
    assert client.transport.get_extra_info("socket").getpeername() == (world.b.address, 9092)


def test_two_hosts_may_listen_on_the_same_loopback_address_and_reach_only_their_own():
    world = World()
    world.run(world.pa.spawn(echo_server("127.0.0.1")))
    world.run(world.pb.spawn(echo_server("127.0.0.1")))
    assert world.run(world.pa.spawn(echo_once(b"me", "localhost"))) == b"me"
    with pytest.raises(ConnectionRefusedError):
        world.run(world.pa.spawn(echo_once(b"me", "b")))


def test_a_port_in_use_is_refused_as_the_kernel_does():
    world = World()
    server = world.run(world.pb.spawn(echo_server()))
    with pytest.raises(OSError, match="already in use"):
        world.run(world.pb.spawn(echo_server()))
    server.close()
    world.run(world.pb.spawn(echo_server()))


def test_port_zero_takes_a_free_port_and_tells_it():
    world = World()
    server = world.run(world.pb.spawn(echo_server(port=0)))
    port = server.sockets[0].getsockname()[1]
    assert world.run(world.pa.spawn(echo_once(b"x", port=port))) == b"x"


def test_nobody_listening_is_connection_refused():
    world = World()
    with pytest.raises(ConnectionRefusedError):
        world.run(world.pa.spawn(echo_once(b"x")))


def test_an_unknown_name_does_not_resolve():
    world = World()
    with pytest.raises(OSError, match="not known"):
        world.run(world.pa.spawn(echo_once(b"x", "nowhere")))


def test_a_dark_host_lets_a_connection_attempt_time_out():
    world = World(profile=NetworkProfile(connect_timeout_ns=5_000_000_000))
    world.network.power_off(world.b)
    before = world.loop.now_ns
    with pytest.raises(TimeoutError):
        world.run(world.pa.spawn(echo_once(b"x")))
    assert 5_000_000_000 <= world.loop.now_ns - before < 6_000_000_000


def test_a_connection_attempt_survives_a_partition_shorter_than_its_timeout():
    world = World()
    world.run(world.pb.spawn(echo_server()))
    world.network.cut([world.a], [world.b])
    world.loop.call_later(2, world.network.heal_all)
    assert world.run(world.pa.spawn(echo_once(b"late"))) == b"late"


def test_bytes_stall_while_a_link_is_cut_and_arrive_in_order_after_it_heals():
    world = World()
    client, server = connected(world)
    client.transport.write(b"one ")
    world.sleep(1)
    world.network.cut([world.a], [world.b])
    client.transport.write(b"two ")
    world.sleep(5)
    assert bytes(server.data) == b"one "
    world.network.heal([world.a], [world.b])
    client.transport.write(b"three")
    world.sleep(1)
    assert bytes(server.data) == b"one two three"


def test_a_one_way_cut_stops_one_direction_only():
    world = World()
    client, server = connected(world)
    world.network.cut([world.a], [world.b], both_ways=False)
    client.transport.write(b"lost for now")
    server.transport.write(b"still heard")
    world.sleep(1)
    assert bytes(client.data) == b"still heard"
    assert bytes(server.data) == b""


def test_a_sender_gives_up_when_a_cut_lasts_and_the_other_end_stays_half_open():
    world = World(profile=NetworkProfile(retransmission_timeout_ns=10_000_000_000))
    client, server = connected(world)
    world.network.cut([world.a], [world.b])
    client.transport.write(b"x")
    world.sleep(20)
    assert isinstance(client.lost, TimeoutError)
    assert server.lost == "not yet"
    world.network.heal_all()
    server.transport.write(b"are you there?")
    world.sleep(1)
    assert isinstance(server.lost, ConnectionResetError)


def test_held_bytes_stay_in_flight_until_released():
    world = World(profile=NetworkProfile(retransmission_timeout_ns=10_000_000_000))
    client, server = connected(world)
    link = world.network.link(world.a, world.b)
    link.set_held(True)
    client.transport.write(b"held")
    world.sleep(60)
    assert bytes(server.data) == b""
    assert client.lost == "not yet"
    link.set_held(False)
    world.sleep(0.001)
    assert bytes(server.data) == b"held"


def test_a_killed_process_resets_its_connections():
    world = World()
    client, server = connected(world)
    world.pb.kill()
    world.sleep(1)
    assert isinstance(client.lost, ConnectionResetError)
    assert server.lost == "not yet"  # the dead hear nothing
    with pytest.raises(ConnectionRefusedError):
        world.run(world.pa.spawn(echo_once(b"x")))


def test_bytes_sent_before_a_kill_still_arrive_before_the_reset():
    world = World()
    client, server = connected(world)
    server.transport.write(b"last words")
    world.pb.kill()
    world.sleep(1)
    assert bytes(client.data) == b"last words"
    assert isinstance(client.lost, ConnectionResetError)


def test_a_power_cut_tells_nobody_until_the_machine_is_back():
    world = World()
    client, _ = connected(world)
    world.network.power_off(world.b)
    world.pb.kill(silent=True)
    world.sleep(20)
    assert client.lost == "not yet"
    client.transport.write(b"hello?")
    world.sleep(5)
    assert client.lost == "not yet"
    world.network.power_on(world.b)
    world.sleep(1)
    assert isinstance(client.lost, ConnectionResetError)


def test_a_restarted_process_can_listen_on_the_port_of_the_dead_one():
    world = World()
    world.run(world.pb.spawn(echo_server()))
    world.pb.kill()
    again = world.network.new_process("pb", world.b)
    world.run(again.spawn(echo_server()))
    assert world.run(world.pa.spawn(echo_once(b"x"))) == b"x"


def test_a_paused_process_stops_reading_and_its_peer_feels_back_pressure():
    world = World()
    client, server = connected(world)
    world.pb.pause()
    client.transport.write(bytes(1_000_000))
    world.sleep(5)
    assert len(server.data) == 0
    assert not client.writing
    assert client.transport.get_write_buffer_size() > 500_000
    world.pb.resume()
    world.sleep(5)
    assert len(server.data) == 1_000_000
    assert client.writing


def test_a_reader_that_pauses_bounds_what_its_peer_can_send():
    world = World(profile=NetworkProfile(window_bytes=10_000))
    client, server = connected(world)
    server.transport.pause_reading()
    client.transport.write(bytes(200_000))
    world.sleep(1)
    assert not client.writing
    assert client.transport.get_write_buffer_size() == 190_000
    server.transport.resume_reading()
    world.sleep(1)
    assert len(server.data) == 200_000
    assert client.writing


def test_close_sends_what_is_buffered_and_then_ends_the_stream():
    world = World(profile=NetworkProfile(window_bytes=10_000))
    client, server = connected(world)
    client.transport.write(bytes(100_000))
    client.transport.close()
    world.sleep(1)
    assert len(server.data) == 100_000
    assert server.eof
    assert client.lost is None
    assert server.lost is None


def test_writing_after_close_is_ignored_and_after_write_eof_an_error():
    world = World()
    client, server = connected(world)
    client.transport.write_eof()
    with pytest.raises(RuntimeError):
        client.transport.write(b"x")
    server.transport.close()
    server.transport.write(b"into the void")


def test_abort_resets_the_peer():
    world = World()
    client, server = connected(world)
    client.transport.abort()
    world.sleep(1)
    assert client.lost is None
    assert isinstance(server.lost, ConnectionResetError)


def test_reset_connections_is_felt_at_both_ends():
    world = World()
    client, server = connected(world)
    assert world.network.reset_connections(world.a, world.b) == 1
    world.sleep(1)
    assert isinstance(client.lost, ConnectionResetError)
    assert isinstance(server.lost, ConnectionResetError)


def test_a_connection_can_break_in_the_middle_of_a_frame():
    world = World()
    client, server = connected(world)
    world.network.cut_in_frame(client.transport)
    client.transport.write(bytes(1000))
    world.sleep(1)
    assert 0 < len(server.data) < 1000
    assert isinstance(client.lost, ConnectionResetError)
    assert server.lost != "not yet"


def test_a_protocol_that_fails_on_data_fails_the_run():
    from engine.sim.loop import UnhandledError

    class Broken(Recorder):
        def data_received(self, data):
            raise ValueError("cannot parse")

    world = World()
    client, _ = connected(world, server_factory=Broken)
    client.transport.write(b"x")
    with pytest.raises(UnhandledError, match="cannot parse"):
        world.sleep(1)


def trace_of(seed):
    trace = Trace(keep=None)
    world = World(seed, trace=trace, link_profile=LinkProfile(split_probability=0.5))
    world.run(world.pb.spawn(echo_server()))

    async def many():
        return await asyncio.gather(*(echo_once(bytes([index]) * 1000) for index in range(20)))

    world.run(world.pa.spawn(many()))
    return trace


def test_the_same_seed_gives_the_same_trace_and_another_seed_another():
    assert trace_of(1).hash == trace_of(1).hash
    assert trace_of(1).hash != trace_of(2).hash
