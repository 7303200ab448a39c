"""Records into a file: asked for by name and format, written beside and moved into place, with progress; Esc ends it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from textual.worker import Worker

from console.errors import OperatorError
from console.output.text import size
from console.records.stream import StreamProgress
from tui.views.record_access import RecordAccess
from tui.views.record_query import RecordQuery
from tui.views.record_rows import counted
from tui.views.words import whole_number
from tui.widgets.form import Field, FormDialog


def file_field(directory: Path, name: str, formats: tuple[str, ...]) -> Field:
    """Where to; only files that are not there yet. No `formats`: any ending will do."""

    def parse(text: str) -> Path:
        if not text:
            raise ValueError("a name is needed")
        ending = text.rpartition(".")[2].lower()
        if formats and ("." not in text or ending not in formats):
            raise ValueError(f"its ending says the format: .{', .'.join(formats)}")
        path = Path(text).expanduser()
        path = path if path.is_absolute() else directory / path
        if path.exists():
            raise ValueError(f"{path} exists")
        if not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent}")
        return path

    about = f"Its ending says the format: .{', .'.join(formats)}" if formats else "A new file"
    return Field("file", "File", name, about, parse)


class RecordExport(RecordAccess):
    """`x` for a view of records."""

    exporting: str = ""
    """How far it is; "" while there is none."""
    _worker: Worker[None] | None = None

    def export_query(self) -> RecordQuery:
        """What is exported."""
        raise NotImplementedError

    def action_export(self) -> None:
        query = self.export_query()
        name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in "-".join(query.topics))
        fields = [
            file_field(self.stoker.directory, f"{name}.jsonl", ("jsonl", "csv", "parquet")),
            *query.fields(self.decoder_of, self.source.now_ms(), "start", "until"),
            Field("count", "At most", "", "Records; empty: all there are now", whole_number(1, 10**12, empty=0)),
            Field("decoded", "Decoded", "yes", "yes: what was decoded stands beside the bytes; no: the bytes alone", _yes_no, replaced=True),
        ]  # fmt: skip

        def filled(values: dict[str, Any] | None) -> None:
            if values is not None:
                meant = query.with_values({name: values[name] for name in ("start", "until")})
                self.exporting = "exporting"
                self._worker = self.run_worker(
                    self._export(meant, values["file"], values["count"] or None, values["decoded"]),
                    group="export", exclusive=True,
                )  # fmt: skip

        self.stoker.push_screen(FormDialog(f"Export {', '.join(query.topics)}", fields, done="Export"), filled)

    def stop_export(self) -> bool:
        """Ends it; false when there was none."""
        if not self.exporting or self._worker is None:
            return False
        self._worker.cancel()
        return True

    async def _export(self, query: RecordQuery, path: Path, most: int | None, decoded: bool) -> None:
        from console.records.exporting import export_records, format_of, record_writer

        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        decoder = self.decoder_of(query.decode)
        try:
            request = query.stream(decoder, self.source.now_ms(), follow=False, count=most)
            # A file is opened in no time; what is written into it, is written by a thread.
            with open(partial, "xb") as stream:  # noqa: ASYNC230
                writer = record_writer(format_of(path.name), stream, decoder if decoded else None)
                progress = await export_records(
                    self.client, request, self.source.now_ms(), writer, self._exported, decoder if decoded else None
                )
            os.replace(partial, path)
            written = counted(progress.matched, "record")
            self.stoker.say(f"{written}, {size(_file_size(path))}, in {path}")
        except OperatorError as error:
            self.stoker.tell(error)
        except OSError as error:
            self.stoker.tell(OperatorError(f"cannot write {path}", error.strerror or str(error)))
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            self.exporting = ""
            if self.is_attached:
                self.stoker.show_bars()

    def _exported(self, progress: StreamProgress) -> None:
        share = f" {min(100, progress.scanned * 100 // progress.to_scan)}%" if progress.to_scan else ""
        self.exporting = f"exporting{share}"
        self.stoker.show_bars()


def _file_size(path: Path) -> int:
    return path.stat().st_size


def _yes_no(text: str) -> bool:
    found = {"yes": True, "y": True, "no": False, "n": False}.get(text.lower())
    if found is None:
        raise ValueError("yes or no")
    return found
