"""Format strings for records, as kcat has them: '%t %p %o %k %v %h %T'.

%t topic   %p partition   %o offset   %k key   %v (or %s) value   %h headers   %T timestamp, ms
With a decoder, of topics that it was asked for %k and %v are what it reads: text, or JSON; bytes where it cannot.

%K size of the key   %S size of the value, bytes; -1 for null   %% a percent sign
\\n \\t \\r \\0 \\\\ \\xHH
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.errors import OperatorError
from console.records.model import ConsumedRecord

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder

Part = Callable[[ConsumedRecord], bytes]

_TOKEN = re.compile(r"%(.?)|\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)
_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "0": b"\0", "\\": b"\\"}
_FIELDS: dict[str, Part] = {
    "t": lambda record: record.topic.encode(),
    "p": lambda record: b"%d" % record.partition,
    "o": lambda record: b"%d" % record.offset,
    "k": lambda record: record.key or b"",
    "v": lambda record: record.value or b"",
    "s": lambda record: record.value or b"",
    "h": lambda record: b",".join(
        b"%b=%b" % (name.encode(errors="surrogateescape"), value or b"") for name, value in record.headers
    ),
    "T": lambda record: b"%d" % record.timestamp,
    "K": lambda record: b"%d" % (-1 if record.key is None else len(record.key)),
    "S": lambda record: b"%d" % (-1 if record.value is None else len(record.value)),
}


def compile_format(
    text: str, make_safe: Callable[[bytes], bytes] | None = None, decoder: RecordDecoder | None = None
) -> Callable[[ConsumedRecord], bytes]:
    """The function that writes a record as `text` says; a line break is added unless it ends in one or in \\0.

    `make_safe` is put between what the record says and the output. Raises OperatorError for an unknown letter.
    """
    parts: list[Part | bytes] = []
    fields = _FIELDS if decoder is None else {**_FIELDS, **_decoded_fields(decoder)}
    position = 0
    for match in _TOKEN.finditer(text):
        parts.append(text[position : match.start()].encode())
        position = match.end()
        letter, escape = match[1], match[2]
        if letter is not None:
            if letter == "%":
                parts.append(b"%")
            elif letter in fields and letter:
                parts.append(fields[letter])
            else:
                raise OperatorError.words(
                    f"--format: %{letter} means nothing",
                    "%t topic, %p partition, %o offset, %k key, %v value, %h headers, %T timestamp, %K and %S sizes.",
                )
        elif escape.startswith("x"):
            parts.append(bytes([int(escape[1:], 16)]))
        elif escape in _ESCAPES:
            parts.append(_ESCAPES[escape])
        else:
            raise OperatorError.words(f"--format: \\{escape} means nothing", r"\n, \t, \r, \0, \\ and \xHH do.")
    parts.append(text[position:].encode())
    if not text.endswith(("\\n", "\\0")):
        parts.append(b"\n")

    def write(record: ConsumedRecord) -> bytes:
        return b"".join(
            part if isinstance(part, bytes) else part(record) if make_safe is None else make_safe(part(record))
            for part in parts
        )

    return write


def _decoded_fields(decoder: RecordDecoder) -> dict[str, Part]:
    from console.decoding.decoder import text_of
    from console.decoding.model import Part as Half

    def field(half: Half) -> Part:
        def read(record: ConsumedRecord) -> bytes:
            data = record.key if half is Half.KEY else record.value
            if not data or not decoder.is_asked(record.topic):
                return data or b""
            found = decoder.find(record.topic, half, data, key=record.key, headers=record.headers)
            text = text_of(found, data)
            return data if text is None else text.encode(errors="surrogateescape")

        return read

    return {"k": field(Half.KEY), "v": field(Half.VALUE), "s": field(Half.VALUE)}
