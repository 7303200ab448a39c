"""What the views of records have in common: the words they were opened with, the decoder that these mean, and where one
can go from a record."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.records.model import ConsumedRecord
from tui.views.base import View
from tui.views.record_query import RecordQuery
from tui.widgets.form import FormDialog

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder
    from console.open_cluster import OpenCluster
    from engine.net.cluster_client import ClusterClient

BROWSE_FIELDS = ("start", "partitions", "key", "contains", "grep", "json", "header", "where", "show", "decode")
SEARCH_FIELDS = ("contains", "grep", "json", "key", "header", "where", "start", "until", "partitions", "show", "decode")
TAIL_FIELDS = ("start", "partitions", "key", "contains", "grep", "json", "header", "where", "decode")


class RecordAccess(View):
    """A view of records. `words` is what it shows."""

    words: RecordQuery = RecordQuery()
    _decoders: dict[str, RecordDecoder] | None = None

    @property
    def cluster(self) -> OpenCluster:
        return self.source.cluster

    @property
    def client(self) -> ClusterClient:
        return self.cluster.client

    def decoder_of(self, words: str) -> RecordDecoder:
        """As the words of `decode=` say, or what the context says. Raises OperatorError for bad words."""
        if not words:
            return self.cluster.decoder
        if self._decoders is None:
            self._decoders = {}
        if words not in self._decoders:
            wanted = [word for word in words.replace(" ", ",").split(",") if word]
            self._decoders[words] = self.cluster.target.decoder(wanted)
        return self._decoders[words]

    @property
    def decoder(self) -> RecordDecoder:
        return self.decoder_of(self.words.decode)

    def ask_query(self, title: str, names: tuple[str, ...], done: str) -> None:
        """The form for other words; `began` is called with them."""

        def filled(values: dict[str, Any] | None) -> None:
            if values is not None:
                self.words = self.words.with_values(values)
                self.begin()

        fields = self.words.fields(self.decoder_of, self.source.now_ms(), *names)
        self.stoker.push_screen(FormDialog(title, fields, done=done), filled)

    def begin(self) -> None:
        """Reads what `words` mean from its beginning."""
        raise NotImplementedError

    def open_record(self, record: ConsumedRecord) -> None:
        """The record in full."""
        visibility = "aborted" if record.batch is not None and record.batch.aborted else self.words.show
        words = [shlex.quote(record.topic), str(record.partition), str(record.offset)]
        for name, value in (("show", visibility), ("decode", self.words.decode)):
            if value:
                words.append(f"{name}={shlex.quote(value)}")
        self.stoker.enter("record", " ".join(words))

    def go_produce(self, record: ConsumedRecord | None = None) -> None:
        """To sending records to the topic; with a record: one like it."""
        words = [shlex.quote(self.words.topics[0] if record is None else record.topic)]
        if record is not None:
            words += [str(record.partition), str(record.offset)]
        self.stoker.enter("produce", " ".join(words))

    def topic_words(self) -> str:
        """The query without where it begins, for a view that begins elsewhere."""
        from dataclasses import replace

        return replace(self.words, start="", until="").text

    def status_words(self) -> str:
        """What narrows it, for the line under the breadcrumbs: short."""
        return " ".join(self.words.conditions)

    def words_of(self, arguments: tuple[str, ...]) -> RecordQuery:
        """The query of a place; says what is wrong with it in the view instead of raising."""
        try:
            return RecordQuery.parse(arguments)
        except OperatorError as error:
            self.bad_words = error
            return RecordQuery()

    bad_words: OperatorError | None = None
