"""A label in ZPL II, for Zebra printers of 203 dots an inch (8 a millimetre).

Every text goes through `^FH`, in which `_5E` stands for the byte 0x5E: whatever an RMA holds, it prints, and commands
nothing. Texts are English: the printers' own font has no Chinese.

Source: Zebra, ZPL II Programming Guide (`^FH`, `^BC`, `^BQ`, `^FB`, `^CI28`).
"""

from dataclasses import dataclass
from typing import Final

from regrade.serving.http.labels.fields import Label, Size, qr_rows

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -.")
_INVOKED: Final = {">": ">0", "^": "><", "~": ">="}
"""Signs that mean something else to `^BC` unless they are written so."""


@dataclass(frozen=True, slots=True)
class _Form:
    """Where things stand, in dots: width and height of the label, margin, heights of the texts and of the bars, and the
    side of the square for the QR code."""

    width: int
    height: int
    margin: int
    word: int
    bin: int
    text: int
    bars: int
    square: int


_FORMS: Final[dict[Size, _Form]] = {
    "4x6": _Form(812, 1218, 40, 150, 90, 56, 180, 336),
    "62mm": _Form(496, 400, 16, 64, 44, 30, 60, 136),
}
_RMA_LINES: Final = 3
_WIDE: Final = 0.62
"""Width of a letter of the printers' font, of its height, at most on the average of a line."""


def zpl_of(label: Label, size: Size) -> str:
    """The label as one `^XA … ^XZ` in ASCII."""
    form = _FORMS[size]
    inner, y = form.width - 2 * form.margin, form.margin
    lines = ["^XA", "^CI28", f"^PW{form.width}", f"^LL{form.height}", "^LH0,0"]
    for text, height in (
        (label.word, form.word),
        (label.bin, form.bin),
        (label.condition, form.text),
        (label.missing, form.text),
    ):
        if text:
            lines.append(_text(text, form.margin, y, height, inner, 1))
            y += height + form.margin // 2
    bars = code_128(label.rma, inner)
    if bars:
        lines.append(f"^FO{form.margin},{y}{bars[0]}^BCN,{form.bars},N,N,N^FH_^FD{bars[1]}^FS")
        y += form.bars + form.margin // 2
    # The code of the address stands in the lower right corner; the RMA ends before it.
    module = max(1, form.square // len(qr_rows(label.address)))
    left, top = form.width - form.margin - form.square, form.height - form.margin - form.square
    room = inner if y + _RMA_LINES * form.text <= top else left - form.margin - form.margin // 2
    lines.append(_text(label.rma, form.margin, y, form.text, room, _RMA_LINES))
    lines.append(f"^FO{left},{top}^BQN,2,{module}^FH_^FDMA,{escaped(label.address)}^FS")
    return "\n".join([*lines, "^XZ", ""])


def _text(text: str, x: int, y: int, height: int, width: int, lines: int) -> str:
    """A field of text, smaller where it would not fit: what does not, a printer prints over the last line."""
    fits = int(width * lines / (_WIDE * max(1, len(text))) * (1 if lines == 1 else 0.85))
    size = max(12, min(height, fits))
    return f"^FO{x},{y}^A0N,{size},{size}^FB{width},{lines},0,L^FH_^FD{escaped(text)}^FS"


def escaped(text: str) -> str:
    """`text` as it goes after `^FH_^FD`: letters, digits, spaces, dots and dashes as they are, other bytes in hex."""
    return "".join(chr(byte) if byte in _PLAIN else f"_{byte:02X}" for byte in text.encode())


def code_128(text: str, room: int) -> tuple[str, str] | None:
    """`^BY` and the data of a Code 128 of `text` that is at most `room` dots wide.

    None where it cannot be: other signs than printable ASCII, or more than fit at two dots a module, which is as narrow
    as handheld scanners read.
    """
    if not text or not (text.isascii() and text.isprintable()):
        return None
    modules = 11 * (len(text) + 3) + 2
    wide = min(3, room // modules)
    return (f"^BY{wide}", escaped("".join(_INVOKED.get(sign, sign) for sign in text))) if wide >= 2 else None
