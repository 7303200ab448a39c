"""Python source in the making: lines, fresh names, and the objects the finished function refers to."""

from struct import Struct
from typing import Any

LETTERS = {
    "bool": "?",
    "int8": "b",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "float64": "d",
    "uuid": "16s",
}
"""struct format of every type of fixed width."""

WIDTHS = {"x": 1, "?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "d": 8, "16s": 16}


class Source:
    """Lines of a function body under construction."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.indent = 1
        self.names: dict[str, Any] = {}
        """Global names of the function."""
        self._count = 0

    def add(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def fresh(self, stem: str) -> str:
        """A name not used before."""
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, stem: str, value: Any) -> str:
        """The global name under which the function finds `value`; the same for the same object."""
        for name, known in self.names.items():
            if known is value:
                return name
        name = self.fresh(stem)
        self.names[name] = value
        return name

    def packer(self, method: str, letters: list[str]) -> str:
        """The global name of a bound method (`pack`, `unpack_from`, `iter_unpack`) of the struct of these letters."""
        name = f"{method}_{''.join(letters).replace('?', 'o')}"
        if name not in self.names:
            self.names[name] = getattr(Struct(">" + "".join(letters)), method)
        return name

    def function(self, signature: str, filename: str) -> Any:
        """Compiles the lines into the function `signature` ("name(a, b)") names."""
        text = f"def {signature}:\n" + "\n".join(self.lines) + "\n"
        exec(compile(text, filename, "exec"), self.names)  # our own schema text, no input
        return self.names[signature.partition("(")[0]]
