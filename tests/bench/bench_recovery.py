"""Starting again after everything was killed (kill -9) with a log of 1 GiB that nobody had flushed."""

import time

from benching import Load, Stoker, Table, first_record, heading, load_program, temporary_directory

SIZE = 1024
COUNT = 1024 * 1024


def main():
    heading("Recovery of a log of 1 GiB after kill -9")
    program = load_program()
    if program is None:
        return
    table = Table("segments of", "written in s", "start after kill -9, s", "of it until ready, s", "clean restart, s")
    for segment_bytes in (1 << 30, 64 << 20):
        with temporary_directory() as directory:
            with Stoker(1, data_dir=directory) as cluster:
                cluster.create_topic("t", **{"segment.bytes": str(segment_bytes)})
                written = Load(program, cluster, "produce", "t", COUNT, SIZE, acks="1").seconds
                cluster.kill_all()
            spawned = time.monotonic()
            with Stoker(1, data_dir=directory) as cluster:
                ready = cluster.times["ready"] - cluster.times["imported"]
                unclean = first_record(cluster.bootstrap, "t") - spawned
                assert Load(program, cluster, "consume", "t", COUNT).records >= COUNT
            spawned = time.monotonic()
            with Stoker(1, data_dir=directory) as cluster:
                clean = first_record(cluster.bootstrap, "t") - spawned
            table.row(f"{segment_bytes >> 20} MiB", written, unclean, ready, clean)


if __name__ == "__main__":
    main()
