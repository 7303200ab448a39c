"""Randomness by name, derived from the world's seed."""

import hashlib
import random

from engine.runtime.randomness import random_uuid


def derive_seed(seed: int, *names: str) -> int:
    """A 128-bit seed for the concern `names` in the world `seed`.

    SHA-256 over the parts, each with its length, so that ("a", "bc") and ("ab", "c") differ and PYTHONHASHSEED plays no
    part.
    """
    digest = hashlib.sha256(str(seed).encode())
    for name in names:
        encoded = name.encode()
        digest.update(b"/%d/" % len(encoded))
        digest.update(encoded)
    return int.from_bytes(digest.digest()[:16], "big")


class SimRandomness:
    """The named streams of one part of the world (a node, the network, the workload).

    One more draw from one stream changes no other stream. A restarted node gets a new `SimRandomness` under another
    scope ("node-1/2"), or it would repeat the uuids of its former life.
    """

    def __init__(self, seed: int, *scope: str) -> None:
        self.seed = seed
        self.scope = scope
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        """The stream of that name; the same object each time it is asked for."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(derive_seed(self.seed, *self.scope, name))
        return stream

    def uuid(self) -> bytes:
        """A version 4 uuid from the stream "ids"."""
        return random_uuid(self.stream("ids"))

    def part(self, name: str) -> "SimRandomness":
        """The streams of a part of this part."""
        return SimRandomness(self.seed, *self.scope, name)
