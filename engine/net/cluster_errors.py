"""What can go wrong between a client and a cluster, before any broker has said anything.

    Exception
      ClusterUnreachable     no address of the cluster answered
        NotAuthenticated     one did, but does not let us in: trying again would not help
      BrokerUnreachable      one broker did not answer; the others may
      UnsupportedByBroker    the broker does not speak a version of the request that we do

An answer that carries an error code is not among them: it is a response, or `engine.errors.KafkaError`.
"""


class ClusterUnreachable(Exception):
    """No address of the cluster answered. `reasons`: address ("host:port") to what happened there, in the order tried."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{address}: {reason}" for address, reason in reasons.items()) or "no address known")
        self.reasons = reasons


class NotAuthenticated(ClusterUnreachable):
    """The cluster does not accept who we say we are, or has not proved itself (Kafka: AuthenticationException)."""


class BrokerUnreachable(Exception):
    """A broker did not answer: it is down, its address does not lead to it, or it took too long.

    `address` ("host:port") is the one the broker advertises, "" when the cluster knows no such broker. `timed_out` is
    true when the request was sent and may have been carried out.
    """

    def __init__(self, node_id: int, address: str, reason: str, *, timed_out: bool = False) -> None:
        at = f" at {address}" if address else ""
        super().__init__(f"broker {node_id}{at}: {reason}")
        self.node_id = node_id
        self.address = address
        self.reason = reason
        self.timed_out = timed_out


class UnsupportedByBroker(Exception):
    """The broker does not offer the request, or only in versions outside of those asked for."""

    def __init__(
        self, node_id: int, request_name: str, offered: tuple[int, int] | None, wanted: tuple[int, int]
    ) -> None:
        offer = "does not know it" if offered is None else f"offers versions {offered[0]} to {offered[1]}"
        super().__init__(f"{request_name} v{wanted[0]}-{wanted[1]}: broker {node_id} {offer}")
        self.node_id = node_id
        self.request_name = request_name
        self.offered = offered
        self.wanted = wanted
