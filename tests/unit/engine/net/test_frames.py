"""Frames out of a byte stream."""

import random
import tracemalloc

from engine.net.frames import INITIAL_BUFFER_BYTES, KEPT_BUFFER_BYTES_MAX, FrameReceiver


class Receiver(FrameReceiver):
    def __init__(self, limit=100 * 1024 * 1024):
        super().__init__(limit)
        self.frames = []
        self.refusal = None

    def frame_received(self, frame):
        self.frames.append(bytes(frame))

    def frame_refused(self, error):
        self.refusal = str(error)


def feed(receiver, data, pieces=None):
    """Give `data` to the receiver as a loop would, in pieces of the given sizes."""
    position = 0
    while position < len(data):
        room = receiver.get_buffer(-1)
        size = min(len(room), len(data) - position, pieces() if pieces else 65536)
        room[:size] = data[position : position + size]
        receiver.buffer_updated(size)
        position += size


def frame(body):
    return len(body).to_bytes(4, "big") + body


def test_frames_come_whole_however_the_bytes_are_cut():
    rng = random.Random(7)
    bodies = [rng.randbytes(rng.choice([0, 1, 5, 100, 5_000, 200_000])) for _ in range(60)]
    for cut in (1, 3, 4, 1000, 70_000):
        if cut < 10:
            wanted = [body for body in bodies if len(body) <= 5_000]
        else:
            wanted = bodies
        receiver = Receiver()
        feed(receiver, b"".join(map(frame, wanted)), lambda cut=cut: rng.randint(1, cut))
        assert receiver.frames == wanted


def test_a_frame_that_claims_much_and_sends_little_costs_little():
    """CVE-2022-34917: memory follows the bytes that arrived, not the claim."""
    receiver = Receiver()
    tracemalloc.start()
    feed(receiver, (100 * 1024 * 1024).to_bytes(4, "big") + bytes(1020))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert receiver.frames == []
    assert peak < 64 * 1024


def test_a_length_above_the_bound_is_refused():
    receiver = Receiver(limit=1000)
    feed(receiver, frame(bytes(1001)))
    assert "1001 bytes is outside 0..1000 (socket.request.max.bytes)" in receiver.refusal
    assert receiver.frames == []


def test_a_negative_length_is_refused():
    receiver = Receiver()
    feed(receiver, b"\xff\xff\xff\xff")
    assert "-1 bytes" in receiver.refusal


def test_http_and_tls_are_recognised():
    http, tls = Receiver(), Receiver()
    feed(http, b"GET / HTTP/1.1\r\n\r\n")
    feed(tls, b"\x16\x03\x01\x02\x00\x01")
    assert "HTTP request (GET)" in http.refusal
    assert "TLS handshake" in tls.refusal


def test_nothing_is_handed_on_while_held():
    receiver = Receiver()
    receiver.hold()
    feed(receiver, frame(b"one") + frame(b"two"))
    assert receiver.frames == []
    receiver.resume()
    assert receiver.frames == [b"one", b"two"]


def test_holding_inside_a_frame_keeps_the_next_one():
    receiver = Receiver()
    received = receiver.frame_received

    def hold_after_first(view):
        received(view)
        receiver.hold()

    receiver.frame_received = hold_after_first
    feed(receiver, frame(b"one") + frame(b"two"))
    assert receiver.frames == [b"one"]
    receiver.resume()
    assert receiver.frames == [b"one", b"two"]


def test_the_buffer_shrinks_after_a_large_frame():
    receiver = Receiver()
    feed(receiver, frame(bytes(KEPT_BUFFER_BYTES_MAX * 2)))
    assert len(receiver.frames) == 1
    assert len(receiver._buffer) == INITIAL_BUFFER_BYTES
