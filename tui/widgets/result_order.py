"""Which rows of an SQL result are shown and in which order, for any number of rows: made page by page in Arrow, so that it
can run in a thread beside the keys, say how far it is, and be called off. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tui.widgets.table_filter import matcher

if TYPE_CHECKING:
    from tui.widgets.result_rows import ArrowRows
    from tui.widgets.table_model import Sort


class ResultOrder:
    """Numbers of the rows that `filter_text` lets through, by `sort`, of which the column is the number `index`.

    The rows are those there are when it is made; more may come while it runs.
    """

    def __init__(self, rows: ArrowRows, filter_text: str, sort: Sort | None, index: int) -> None:
        self.meant = (filter_text, sort)
        """What it is made for."""
        self._rows = rows
        self._pages = tuple(rows.pages)
        self._text = filter_text.removeprefix("/")
        self._sort = None if sort is None else index
        self._descending = sort is not None and sort.descending
        self.what = "sorting" if sort is not None else "filtering"
        """What it does now, for people."""
        self.share = 0.0
        """How much of that is done."""
        self.stopped = False
        """Set by whoever does not want it any more: it ends with the page it is at."""

    def make(self) -> Sequence[int] | None:
        """The numbers; None when it was stopped."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._is_everything:
            size = sum(page.batch.num_rows for page in self._pages)
            return range(size) if self._sort is None else _numbers(self._sorted())
        self.what = "filtering"
        masks = []
        for at, mask in enumerate(self._masks()):
            if self.stopped:
                return None
            masks.append(mask)
            self.share = (at + 1) / len(self._pages)
        mask = pa.chunked_array(masks).combine_chunks()
        if self._sort is None:
            return _numbers(pc.indices_nonzero(mask))
        order = self._sorted()
        return None if self.stopped else _numbers(order.filter(pc.take(mask, order)))

    @property
    def _is_everything(self) -> bool:
        return not self._text.strip() or self._text == "!"

    def _masks(self) -> Iterator[Any]:
        """For each page, which of its rows are let through."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = range(len(self._rows.columns))
        text = self._text
        if text.startswith("-f"):
            fits = matcher(text)
            assert fits is not None
            for at in range(len(self._pages)):
                cells = zip(*(self._rows.strings(column, at).to_pylist() for column in columns), strict=True)
                yield pa.array([fits(" ".join(row)) for row in cells], pa.bool_())
            return
        inverse = text.startswith("!")
        pattern = text[1:] if inverse else text
        for at in range(len(self._pages)):
            mask: Any = None
            for column in columns:
                strings = self._rows.strings(column, at)
                found = pc.match_substring_regex(strings, pattern, ignore_case=pattern == pattern.lower())
                mask = found if mask is None else pc.or_(mask, found)
            yield pc.invert(mask) if inverse else mask

    def _sorted(self) -> Any:
        """All numbers in their order. One call: it cannot be stopped, but the interpreter goes on meanwhile."""
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self._sort is not None
        self.what, self.share = "sorting", 0.0
        keys = [("", "descending" if self._descending else "ascending", "at_end")]
        try:
            column = pa.chunked_array([page.batch.column(self._sort) for page in self._pages])
            return pc.sort_indices(column, sort_keys=keys)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError):
            texts = [self._rows.strings(self._sort, at) for at in range(len(self._pages))]
            return pc.sort_indices(pa.chunked_array(texts), sort_keys=keys)


def _numbers(indices: Any) -> Sequence[int]:
    """As the interpreter reads them, without an object for each."""
    found = array("Q")
    buffer = indices.cast("uint64").buffers()[1]
    if buffer is not None:
        begin = indices.offset * found.itemsize
        found.frombytes(memoryview(buffer)[begin : begin + len(indices) * found.itemsize])
    return found
