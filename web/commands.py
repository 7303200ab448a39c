"""`stoker up`, a cluster with its web console, and `stoker web`, the console alone.

Nothing of the web is imported before it is needed: `stoker up --no-web` never meets Starlette.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import click

from console.commands.options import cluster_options, debug_option, invocation, key_value_pairs
from console.commands.up import UpOptions, run_cluster

if TYPE_CHECKING:
    from console.open_cluster import OpenCluster
    from console.target import Target
    from engine.cluster import Cluster
    from web.server import ConsoleServer

PORT_DEFAULT = 8080
LOOPBACK = "127.0.0.1"


token_file_option = click.option(
    "--token-file",
    metavar="FILE",
    help="Keep the console's token there, so that its address stays good; made, for you only, when it is missing.",
)


@click.command()
@click.option("--nodes", type=click.IntRange(1, 50), help="Brokers (each is a controller too); default: 3.")
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on, and to tell clients.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9092,
    show_default=True,
    help="Of node 1; node k has PORT+k-1. 0 takes free ports.",
)
@click.option("--data-dir", metavar="DIR", help="Where topics are kept; default: your data folder, so they survive.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing: a temporary directory that goes with the cluster.")
@click.option("--processes", is_flag=True, help="One process per node.")
@click.option("--demo", is_flag=True, help="With sample topics and records, which keep flowing at a gentle rate.")
@click.option(
    "--web-port",
    type=click.IntRange(0, 65535),
    help=f"Of the web console, on {LOOPBACK}; 0 takes a free one.  [default: {PORT_DEFAULT}, or a free one]",
)
@click.option("--no-web", is_flag=True, help="Without the web console.")
@token_file_option
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option("--ready-file", metavar="FILE", help="Write JSON with addresses and process ids there when it is ready.")
@click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A Kafka broker property for all nodes; repeatable."
)
@debug_option
def up(
    nodes: int | None,
    host: str,
    port: int,
    data_dir: str | None,
    ephemeral: bool,
    processes: bool,
    demo: bool,
    web_port: int | None,
    no_web: bool,
    token_file: str | None,
    no_open: bool,
    ready_file: str | None,
    pairs: tuple[str, ...],
) -> int:
    """Start a cluster here and keep it running; Ctrl-C stops it.

    Commands in other terminals find it by themselves. The web console's address is printed, with the token that lets
    one in. New topics get three replicas (fewer with fewer nodes) and min.insync.replicas=2, unless told otherwise;
    topics are created on first use, as in Kafka.

    \b
    Examples:
      stoker up
      stoker up --demo --ephemeral
      stoker up --nodes 1 --ephemeral --port 0 --no-web
      stoker up --set log.retention.ms=3600000 --set auto.create.topics.enable=false
    """
    from console.local_cluster import default_data_dir

    if ephemeral and data_dir is not None:
        raise click.UsageError("--ephemeral and --data-dir contradict each other")
    for name, value in (("--web-port", web_port), ("--token-file", token_file)):
        if no_web and value is not None:
            raise click.UsageError(f"--no-web and {name} contradict each other")
    directory = None if ephemeral else os.path.abspath(data_dir or default_data_dir())
    options = UpOptions(nodes, host, port, directory, processes, ready_file, key_value_pairs(pairs, "--set"), demo)
    if no_web:
        return run_cluster(options, None)
    opens = not no_open and has_desktop()
    return run_cluster(options, ConsoleBeside(web_port, token=console_token(token_file), opens=opens))


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"0 takes a free one.  [default: {PORT_DEFAULT}, or a free one]",
)
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option(
    "--auth",
    type=click.Choice(["token", "none"]),
    default="token",
    show_default=True,
    help="Who gets in: whoever has the printed address, or anybody on this machine.",
)
@click.option(
    "--allowed-host", "allowed_hosts", multiple=True, metavar="NAME", help="A name it answers to as well; repeatable."
)
@token_file_option
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@cluster_options
def web(
    port: int | None, host: str, auth: str, allowed_hosts: tuple[str, ...], token_file: str | None, no_open: bool
) -> int:
    """The web console, on whichever cluster.

    It is there for this machine only, unless --host says otherwise; then put something before it that speaks TLS, and
    says so in X-Forwarded-Proto.

    \b
    Examples:
      stoker web
      stoker web -b kafka-1:9092,kafka-2:9092 --readonly
      stoker web --context staging --host 0.0.0.0 --allowed-host console.example.com
      stoker web --token-file ~/.stoker-token    # Prometheus scrapes /metrics with it (credentials_file)
    """
    from console.commands.serving import serve
    from console.output.render import say
    from console.output.text import safe
    from console.target import find_target
    from web.security.access import check_auth

    check_auth(auth, host)
    if auth == "none" and token_file is not None:
        raise click.UsageError("--auth none and --token-file contradict each other")
    call = invocation()
    target = find_target(
        bootstrap_server=call.bootstrap_server,
        command_config=call.command_config,
        context_name=call.context,
        readonly=call.readonly,
    )
    for note in target.notes:
        say(safe(note))
    token = console_token(token_file) if auth == "token" else None
    opens = not no_open and has_desktop()
    service = ConsoleAlone(target, host, port, token=token, allowed_hosts=allowed_hosts, opens=opens)
    return serve(service, service.announce, call)


def console_token(token_file: str | None) -> str:
    """The one that is kept in that file, or a new one. Raises OperatorError."""
    if token_file is None:
        from web.security.access import new_token

        return new_token()
    from web.security.token_file import kept_token

    return kept_token(token_file)


async def start_server(
    cluster: OpenCluster, *, host: str, port: int | None, token: str | None, allowed_hosts: tuple[str, ...] = ()
) -> ConsoleServer:
    """The console on `cluster`. `port` None: the usual one, or a free one when it is taken. Raises OperatorError."""
    from console.errors import OperatorError
    from web.app import create_app
    from web.clusters import Clusters
    from web.server import ConsoleServer

    app = create_app(Clusters(cluster), token=token, host=host, allowed_hosts=allowed_hosts)
    server = ConsoleServer(app, host=host, port=PORT_DEFAULT if port is None else port)
    try:
        await server.start()
    except OperatorError:
        if port is not None:
            raise
        server = ConsoleServer(app, host=host, port=0)
        await server.start()
    return server


class ConsoleBeside:
    """The console that `stoker up` brings with its cluster (`console.commands.up.Companion`)."""

    def __init__(self, port: int | None, *, token: str, opens: bool) -> None:
        self._port = port
        self._token = token
        self._opens = opens
        self._cluster: OpenCluster | None = None
        self._server: ConsoleServer | None = None

    async def start(self, cluster: Cluster) -> str:
        from console.client_config import client_config
        from console.open_cluster import OpenCluster
        from console.target import Target

        target = Target("local", client_config(cluster.bootstrap_servers, {}))
        self._cluster = OpenCluster(
            target, face="web", pids=lambda: dict(cluster.pids), requests=cluster.request_figures
        )
        try:
            self._server = await start_server(self._cluster, host=LOOPBACK, port=self._port, token=self._token)
        except BaseException:
            await self.stop()
            raise
        self._cluster.start()
        return self._server.url(self._token)

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await cluster.close()

    def failure(self) -> str | None:
        return None if self._server is None else self._server.failure()

    def announced(self) -> None:
        if self._opens and self._server is not None:
            open_browser(self._server.open_url(self._token))


class ConsoleAlone:
    """What `stoker web` runs (`console.commands.serving.Service`)."""

    def __init__(
        self,
        target: Target,
        host: str,
        port: int | None,
        *,
        token: str | None,
        allowed_hosts: tuple[str, ...],
        opens: bool,
    ) -> None:
        self._target = target
        self._host = host
        self._port = port
        self._token = token
        self._allowed_hosts = allowed_hosts
        self._opens = opens
        self._cluster: OpenCluster | None = None
        self._server: ConsoleServer | None = None

    async def start(self) -> None:
        from console.open_cluster import OpenCluster

        self._cluster = OpenCluster(self._target, face="web")
        self._server = await start_server(
            self._cluster, host=self._host, port=self._port, token=self._token, allowed_hosts=self._allowed_hosts
        )
        self._cluster.start()

    async def announce(self) -> None:
        from console.output.render import print_facts

        assert self._server is not None
        url = self._server.url(self._token)
        servers = ",".join(f"{host}:{port}" for host, port in self._target.config.bootstrap)
        facts = [("Web console", url), ("Cluster", f"{self._target.name} ({servers})")]
        if self._target.readonly:
            facts.append(("Changes", "refused: this is read-only"))
        print_facts("table", facts, {})
        sys.stdout.flush()
        if self._opens:
            open_browser(self._server.open_url(self._token))

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await cluster.close()

    def failure(self) -> str | None:
        return None if self._server is None else self._server.failure()


def has_desktop() -> bool:
    """Whether somebody sits before this machine who would see a browser: a terminal, a display, no SSH."""
    if not sys.stdout.isatty() or os.environ.get("SSH_CONNECTION") or os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> None:
    """In the background: some browsers keep whoever opens them waiting."""
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
