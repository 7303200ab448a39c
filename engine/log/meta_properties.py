"""Whose a log directory is: `meta.properties`, version 1 (KIP-631, KIP-858).

    Java properties text
      version=1
      cluster.id=<22 characters>     any text is kept; Kafka's own is a uuid
      node.id=<number>
      directory.id=<uuid>            what RegisterBroker and PartitionRecord know the directory by

Written once, when the directory is formatted; a node refuses a directory of another cluster or node rather than mixing
two clusters' records (Kafka: MetaProperties, MetaPropertiesEnsemble.verify).
"""

from dataclasses import dataclass

from engine.errors import ConfigError
from engine.protocol.uuids import uuid_from_text, uuid_to_text
from engine.runtime.disk import Disk, read_file, write_file_atomically

META_PROPERTIES = "meta.properties"
_VERSION = "1"


@dataclass(frozen=True, slots=True)
class MetaProperties:
    """The identity of one log directory. `directory_id` has 16 bytes."""

    cluster_id: str
    node_id: int
    directory_id: bytes

    def encode(self) -> bytes:
        return (
            f"#\nnode.id={self.node_id}\nversion={_VERSION}\ndirectory.id={uuid_to_text(self.directory_id)}\n"
            f"cluster.id={self.cluster_id}\n"
        ).encode()


def decode_meta_properties(data: bytes, path: str) -> MetaProperties:
    """Raises ConfigError that names the file and what is wrong with it."""
    values: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        stripped = line.strip()
        if stripped and stripped[0] not in "#!":
            key, _, value = stripped.partition("=")
            values[key.strip()] = value.strip().replace("\\:", ":").replace("\\=", "=").replace("\\ ", " ")
    version = values.get("version", "missing")
    if version != _VERSION:
        raise ConfigError(f"{path}: version is {version}, only {_VERSION} is supported; format the directory again")
    try:
        return MetaProperties(values["cluster.id"], int(values["node.id"]), uuid_from_text(values["directory.id"]))
    except KeyError as error:
        raise ConfigError(f"{path}: {error.args[0]} is missing; format the directory again") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_meta_properties(disk: Disk, directory: str) -> MetaProperties | None:
    """The identity of `directory`, None when it has not been formatted. Raises ConfigError, StorageError."""
    path = f"{directory}/{META_PROPERTIES}"
    return decode_meta_properties(read_file(disk, path), path) if disk.exists(path) else None


async def format_directory(disk: Disk, directory: str, properties: MetaProperties) -> None:
    """Make `directory` a log directory of that cluster and node; makes it when missing.

    Raises ConfigError when it is formatted already, StorageError.
    """
    made = _missing_parents(disk, directory)
    disk.make_directories(directory)
    existing = read_meta_properties(disk, directory)
    if existing is not None:
        raise ConfigError(
            f"log directory {directory} is already formatted for cluster {existing.cluster_id}, node {existing.node_id}"
        )
    await write_file_atomically(disk, f"{directory}/{META_PROPERTIES}", properties.encode())
    for parent in made:
        await disk.fsync_directory(parent)


def _missing_parents(disk: Disk, directory: str) -> list[str]:
    """The directories that get a new name when `directory` is made, from the deepest up."""
    parents: list[str] = []
    path = directory.rstrip("/")
    while path and not disk.is_directory(path):
        path = path.rpartition("/")[0]
        parents.append(path or ("/" if directory.startswith("/") else "."))
    return parents


def check_owner(properties: MetaProperties, directory: str, cluster_id: str, node_id: int) -> None:
    """Raise ConfigError when the directory is of another cluster or node."""
    if properties.cluster_id != cluster_id:
        raise ConfigError(
            f"log directory {directory} belongs to cluster {properties.cluster_id}, but this node is of cluster "
            f"{cluster_id}; use another log.dirs"
        )
    if properties.node_id != node_id:
        raise ConfigError(
            f"log directory {directory} belongs to node {properties.node_id}, but this is node.id={node_id}; "
            "use another log.dirs"
        )
