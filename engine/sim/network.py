"""The network of the laboratory: hosts with names and addresses, listeners, connections, and what can go wrong.

Serves `loop.create_server` and `loop.create_connection`, and through them asyncio's streams. Which host a call comes
from is known by the process it runs in; code outside any process runs on the host "outside". Binding to 127.0.0.1
listens on the loopback of that host only, so several nodes may use the same address and port.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import socket
from collections.abc import Callable, Iterable
from typing import Any

from engine.sim.links import LOOPBACK, SECOND, Link, LinkProfile, NetworkProfile
from engine.sim.loop import SimLoop
from engine.sim.process import Host, Process, current_process
from engine.sim.randomness import SimRandomness
from engine.sim.trace import Trace
from engine.sim.transport import Address, Pipe, SimSocket, SimTransport, os_error

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})
_EPHEMERAL_PORTS = (49_152, 65_535)


class SimServer(asyncio.AbstractServer):
    """What `create_server` gives: listening addresses of one process."""

    def __init__(
        self, network: SimNetwork, host: Host, factory: Callable[[], asyncio.BaseProtocol], keys: list[Address]
    ) -> None:
        self._network = network
        self.host = host
        self.factory = factory
        self.context = contextvars.copy_context()
        self.process = current_process()
        self.listening = False
        self._keys = keys
        self._bound = True
        self._connections: dict[SimTransport, None] = {}
        self._forever: asyncio.Future[None] | None = None
        if self.process is not None:
            self.process.resources[self] = None

    @property
    def sockets(self) -> tuple[SimSocket, ...]:
        return tuple(SimSocket(key) for key in self._keys) if self._bound else ()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._network.loop

    def is_serving(self) -> bool:
        return self.listening and self._bound

    async def start_serving(self) -> None:
        self.listening = True

    async def serve_forever(self) -> None:
        self.listening = True
        self._forever = self._network.loop.create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            self.close()

    def close(self) -> None:
        """Stop listening; connections stay."""
        if self._bound:
            self._bound = False
            self.listening = False
            self._network.unbind(self.host, self._keys)
            if self.process is not None:
                self.process.resources.pop(self, None)
            if self._forever is not None and not self._forever.done():
                self._forever.cancel()

    def close_clients(self) -> None:
        """Close every accepted connection (Python 3.13)."""
        for transport in list(self._connections):
            transport.close()

    def abort_clients(self) -> None:
        """Reset every accepted connection (Python 3.13)."""
        for transport in list(self._connections):
            transport.abort()

    async def wait_closed(self) -> None:
        """Returns at once when closed. (Python 3.12 also waits for the connections; nothing here relies on it.)"""

    def accept(self, transport: SimTransport) -> None:
        """In the server's context: a connection has come in."""
        if not self._bound:
            transport.abort()
        elif transport.is_open:
            self._connections[transport] = None
            transport.start(self.factory())

    def forget(self, transport: SimTransport) -> None:
        self._connections.pop(transport, None)

    def process_died(self, *, silent: bool) -> None:
        self._bound = False
        self.listening = False
        self._network.unbind(self.host, self._keys)


class SimNetwork:
    """All hosts and what is between them."""

    def __init__(
        self,
        loop: SimLoop,
        randomness: SimRandomness,
        *,
        profile: NetworkProfile | None = None,
        link_profile: LinkProfile | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.loop = loop
        loop.network = self
        self.profile = profile if profile is not None else NetworkProfile()
        self.link_profile = link_profile if link_profile is not None else LinkProfile()
        self.context = contextvars.Context()
        """The kernels' own context: no process."""
        self._randomness = randomness
        self._trace = trace
        self._hosts: dict[str, Host] = {}
        self._addresses: dict[str, Host] = {}
        self._listeners: dict[tuple[str, str, int], SimServer] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._ephemeral: dict[str, int] = {}
        self._connections = 0
        self._transports: dict[SimTransport, SimServer | None] = {}
        self._power_waiters: dict[str, list[Callable[[bool], None]]] = {}
        self.outside = self.add_host("outside", "10.0.0.250")

    # ---- hosts and links

    def add_host(self, name: str, address: str | None = None) -> Host:
        """A new machine; it is reached by its name or its address (10.0.0.k unless given)."""
        if name in self._hosts:
            raise ValueError(f"there is a host {name} already")
        host = Host(name, address if address is not None else f"10.0.0.{len(self._hosts)}")
        self._hosts[name] = host
        self._addresses[host.address] = host
        return host

    def host(self, name: str) -> Host:
        """The host of that name; KeyError when there is none."""
        return self._hosts[name]

    def hosts(self) -> list[Host]:
        """All hosts, in the order in which they were added."""
        return list(self._hosts.values())

    def link(self, source: Host, destination: Host) -> Link:
        """The link from one host to another (or to itself: the loopback)."""
        key = (source.name, destination.name)
        link = self._links.get(key)
        if link is None:
            name = f"{source.name}->{destination.name}"
            profile = LOOPBACK if source is destination else self.link_profile
            link = self._links[key] = Link(name, profile, self._randomness.stream(f"link {name}"))
        return link

    def links(self) -> list[Link]:
        """Every link that was used so far, in order of first use."""
        return list(self._links.values())

    def cut(self, sources: Iterable[Host], destinations: Iterable[Host], *, both_ways: bool = True) -> None:
        """No byte gets from `sources` to `destinations`, nor back unless `both_ways` is False."""
        self._set_cut(list(sources), list(destinations), both_ways, True)

    def heal(self, sources: Iterable[Host], destinations: Iterable[Host], *, both_ways: bool = True) -> None:
        """Undo `cut`."""
        self._set_cut(list(sources), list(destinations), both_ways, False)

    def heal_all(self) -> None:
        """Every link works again, at the network's own speed, and nothing is held."""
        self.record("heal all")
        for link in list(self._links.values()):
            link.held = False
            link.cut_ports.clear()
            link.set_cut(False)

    def cut_port(self, one: Host, other: Host, port: int, cut: bool = True) -> None:
        """Cut (or heal) only the connections between two hosts that lead to that port of either: one plane of traffic."""
        self.record(f"{'cut' if cut else 'heal'} port {port} {one.name} {other.name}")
        self.link(one, other).set_port_cut(port, cut)
        self.link(other, one).set_port_cut(port, cut)

    def _set_cut(self, sources: list[Host], destinations: list[Host], both_ways: bool, cut: bool) -> None:
        for source in sources:
            for destination in destinations:
                if source is not destination:
                    self.record(f"{'cut' if cut else 'heal'} {source.name}->{destination.name} both={both_ways}")
                    self.link(source, destination).set_cut(cut)
                    if both_ways:
                        self.link(destination, source).set_cut(cut)

    def power_off(self, host: Host) -> None:
        """The machine goes dark: what is sent to it stalls. Its processes are the caller's to kill (`silent=True`)."""
        host.up = False
        self.record(f"power off {host.name}")

    def power_on(self, host: Host) -> None:
        """The machine answers again: it resets connections of its former life."""
        host.up = True
        self.record(f"power on {host.name}")
        for resumed in self._power_waiters.pop(host.name, []):
            resumed(False)

    def wait_for_power(self, host: Host, resumed: Callable[[bool], None]) -> None:
        self._power_waiters.setdefault(host.name, []).append(resumed)

    # ---- connections, for faults

    def transports(self, host: Host | None = None) -> list[SimTransport]:
        """The open ends of connections (on `host`), oldest first."""
        return [transport for transport in self._transports if host is None or transport.host is host]

    def reset_connections(self, one: Host, other: Host) -> int:
        """Both ends of every connection between two hosts get a reset now. Returns how many there were."""
        ends = [
            transport
            for transport in self._transports
            if transport.host is one and transport.incoming.sender.host is other
        ]
        self.record(f"reset connections {one.name} {other.name}")
        for transport in ends:
            error = os_error(ConnectionResetError, errno.ECONNRESET)
            transport.incoming.sender.lost(error)
            transport.lost(error)
            transport.incoming.drop()
            transport.outgoing.drop()
        return len(ends)

    def cut_in_frame(self, transport: SimTransport) -> None:
        """The connection breaks in the middle of the next bytes that `transport` sends."""
        self.record(f"cut in frame {transport.name}")
        transport.outgoing.cut_next = True

    def forget(self, transport: SimTransport) -> None:
        server = self._transports.pop(transport, None)
        if server is not None:
            server.forget(transport)

    def record(self, line: str) -> None:
        if self._trace is not None:
            self._trace.record(self.loop.now_ns, line)

    # ---- names

    def current_host(self) -> Host:
        """The host on which the calling code runs."""
        process = current_process()
        return process.host if process is not None else self.outside

    def resolve(self, name: str, source: Host) -> tuple[Host, str]:
        """The host of a name or address as seen from `source`, and the address under which it is reached."""
        if name in _LOOPBACK_NAMES:
            return source, "127.0.0.1"
        host = self._hosts.get(name) or self._addresses.get(name)
        if host is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name}")
        return host, host.address

    def getaddrinfo(self, name: Any, port: Any) -> list[tuple[Any, ...]]:
        """Like `socket.getaddrinfo` for the names of this network."""
        text = name.decode() if isinstance(name, bytes) else name
        address = "0.0.0.0" if not text else self.resolve(text, self.current_host())[1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port or 0)))]

    # ---- servers

    async def create_server(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        host: str | list[str] | tuple[str, ...] | None,
        port: int | None,
        *,
        start_serving: bool = True,
        ssl: Any = None,
        sock: Any = None,
        **_options: Any,
    ) -> SimServer:
        """Listen, as asyncio's. EADDRINUSE and EADDRNOTAVAIL as the kernel says them; port 0 takes a free one."""
        if ssl is not None or sock is not None:
            raise NotImplementedError("the laboratory's network has neither TLS nor ready-made sockets")
        machine = self.current_host()
        names = [host] if isinstance(host, str) or host is None else list(host)
        number = int(port or 0) or self._free_port(machine)
        keys: list[Address] = []
        for name in names:
            address = "0.0.0.0" if name is None or name in _WILDCARDS else self.resolve(name, machine)[1]
            if address not in ("0.0.0.0", "127.0.0.1", machine.address):
                text = (
                    f"error while attempting to bind on address ({name!r}, {number}): cannot assign requested address"
                )
                raise os_error(OSError, errno.EADDRNOTAVAIL, text)
            if any(taken == number and (bound == address or "0.0.0.0" in (bound, address))
                   for owner, bound, taken in self._listeners if owner == machine.name):  # fmt: skip
                text = f"error while attempting to bind on address ({name!r}, {number}): address already in use"
                raise os_error(OSError, errno.EADDRINUSE, text)
            keys.append((address, number))
        server = SimServer(self, machine, factory, keys)
        for address, number in keys:
            self._listeners[(machine.name, address, number)] = server
        server.listening = start_serving
        self.record(f"listen {machine.name} {keys}")
        return server

    def unbind(self, host: Host, keys: list[Address]) -> None:
        for address, port in keys:
            self._listeners.pop((host.name, address, port), None)

    def _free_port(self, host: Host) -> int:
        first, last = _EPHEMERAL_PORTS
        port = self._ephemeral.get(host.name, first)
        self._ephemeral[host.name] = first if port >= last else port + 1
        return port

    def _listener(self, host: Host, address: str, port: int) -> SimServer | None:
        for bound in (address, "0.0.0.0"):
            server = self._listeners.get((host.name, bound, port))
            if server is not None and server.listening:
                return server
        return None

    # ---- clients

    async def create_connection(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        host: str | None,
        port: int | None,
        *,
        ssl: Any = None,
        sock: Any = None,
        **_options: Any,
    ) -> tuple[SimTransport, asyncio.BaseProtocol]:
        """Connect, as asyncio's. ConnectionRefusedError after a round trip; TimeoutError when nobody answers."""
        if ssl is not None or sock is not None:
            raise NotImplementedError("the laboratory's network has neither TLS nor ready-made sockets")
        if host is None or port is None:
            raise ValueError("host and port are needed")
        source = self.current_host()
        destination, address = self.resolve(host, source)
        client = await self._connect(source, destination, address, int(port))
        try:
            protocol = factory()
            client.start(protocol)
        except BaseException:
            client.abort()
            raise
        return client, protocol

    async def _connect(self, source: Host, destination: Host, address: str, port: int) -> SimTransport:
        """The three-way handshake, with the first packet sent again after 1, 2, 4 ... seconds while unanswered."""
        loop = self.loop
        there = self.link(source, destination)
        back = self.link(destination, source)
        deadline_ns = loop.now_ns + self.profile.connect_timeout_ns
        retry_ns = SECOND
        while True:
            sent_ns = loop.now_ns
            await self._sleep_until(there.arrival_ns(sent_ns, 60))
            if not there.blocks(port) and not back.blocks(port) and destination.up:
                server = None if destination.refuses else self._listener(destination, address, port)
                if server is None:
                    await self._sleep_until(back.arrival_ns(loop.now_ns, 60))
                    self.record(f"refused {source.name}->{destination.name}:{port}")
                    text = f"Connect call failed ({address!r}, {port})"
                    raise os_error(ConnectionRefusedError, errno.ECONNREFUSED, text)
                return await self._establish(source, destination, address, port, server)
            if sent_ns + retry_ns >= deadline_ns:
                await self._sleep_until(deadline_ns)
                self.record(f"connect timeout {source.name}->{destination.name}:{port}")
                text = f"Connect call failed ({address!r}, {port})"
                raise os_error(TimeoutError, errno.ETIMEDOUT, text)
            await self._sleep_until(sent_ns + retry_ns)
            retry_ns *= 2

    async def _establish(
        self, source: Host, destination: Host, address: str, port: int, server: SimServer
    ) -> SimTransport:
        self._connections += 1
        number = self._connections
        there = self.link(source, destination)
        back = self.link(destination, source)
        own_address = "127.0.0.1" if address == "127.0.0.1" else source.address
        own = (own_address, self._free_port(source))
        peer = (address, port)
        name = f"{number} {source.name}->{destination.name}:{port}"
        client = SimTransport(self, source, current_process(), contextvars.copy_context(), own, peer, name)
        accepted = SimTransport(self, destination, server.process, server.context, peer, own, f"{name} (accepted)")
        client.outgoing = accepted.incoming = Pipe(self, there, client, accepted, port, f"{number}>")
        accepted.outgoing = client.incoming = Pipe(self, back, accepted, client, port, f"{number}<")
        self._transports[client] = None
        self._transports[accepted] = server
        self.record(f"connect {name}")
        established_ns = back.arrival_ns(self.loop.now_ns, 60)
        client.incoming.not_before(established_ns)
        self.loop.call_soon(server.accept, accepted, context=server.context)
        try:
            await self._sleep_until(established_ns)
            if client.failure is not None:
                raise client.failure
        except BaseException:
            client.abort()
            raise
        return client

    async def _sleep_until(self, when_ns: int) -> None:
        future = self.loop.create_future()
        timer = self.loop.call_at_ns(when_ns, _finish, future)
        try:
            await future
        finally:
            timer.cancel()

    def new_process(self, name: str, host: Host) -> Process:
        """A process on a host of this network."""
        return Process(name, host, self.loop)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
