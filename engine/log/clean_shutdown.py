"""The mark of a clean shutdown: `.kafka_cleanshutdown` in each log directory.

    {"version":0,"brokerEpoch":<the broker's last epoch, -1 when none>}

Written when every log of the directory is flushed and closed; read and removed at the next start, before anything is
written. Missing means: recover. The broker epoch tells the controller that nothing was lost since (KIP-966; Kafka:
CleanShutdownFileHandler, whose removal is not synced; here it is, so that a power cut cannot bring the file back).
"""

import json

from engine.runtime import safeguards
from engine.runtime.disk import Disk, read_file, write_file_atomically

CLEAN_SHUTDOWN_FILE = ".kafka_cleanshutdown"
NO_BROKER_EPOCH = -1


async def write_clean_shutdown(disk: Disk, directory: str, broker_epoch: int) -> None:
    """Raises StorageError."""
    content = json.dumps({"version": 0, "brokerEpoch": broker_epoch}, separators=(",", ":"))
    await write_file_atomically(disk, f"{directory}/{CLEAN_SHUTDOWN_FILE}", content.encode())


async def consume_clean_shutdown(disk: Disk, directory: str) -> tuple[bool, int]:
    """Whether the directory was shut down cleanly, and the broker epoch then (-1 when it cannot be read).

    The file is gone for good when this returns. Raises StorageError.
    """
    path = f"{directory}/{CLEAN_SHUTDOWN_FILE}"
    if not disk.exists(path):
        return False, NO_BROKER_EPOCH
    try:
        broker_epoch = int(json.loads(read_file(disk, path))["brokerEpoch"])
    except (ValueError, KeyError, TypeError):
        broker_epoch = NO_BROKER_EPOCH
    if safeguards.clean_shutdown_mark_goes_first:
        disk.unlink(path)
        await disk.fsync_directory(directory)
    return True, broker_epoch
