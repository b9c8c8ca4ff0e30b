"""Which characters a file's bytes are: UTF-8 untouched, everything else made UTF-8 block by block.

A file is believed to be UTF-8 until a byte says otherwise. Then either the file is UTF-8 with a few broken rows
(those are rejected), or it is in an older encoding (then all of it is read in that). Knows nothing of columns.
"""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.core.errors import SourceError
from invplat.data.sources.records import Block

SAMPLE = 1 << 20  # bytes looked at to tell one encoding from another
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The letters and signs beyond ASCII that texts of each encoding are made of. The same bytes read in the wrong one give
# rarer signs, so the encoding in which most of them are usual is the right one; the order settles ties.
USUAL = {
    "cp1252": "äöüßÄÖÜéèêëàâçñóíáúõãåøæïîôûùÅØÆÉÈÀÇÑÓÍÁÚ€£°’‘“”–—…®©«»½¼²·ªº",
    "cp1250": "ąćęłńóśźżáčďéěíňřšťúůýžäöüőűâîĄĆĘŁŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽŐŰ€„”’–°",
    "cp1251": "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯёЁіїєІЇЄ№«»–€",
    "cp1253": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ€«»–’",
    "cp1254": "çğıöşüÇĞİÖŞÜâîû€’–",
    "cp850": "äöüßÄÖÜéèêàâçñóíáúåøæÅØÆÉ",
}
SIGNATURES = (
    (b"PK\x03\x04", "an Excel workbook or zip", "in Excel: File, Save As, CSV UTF-8; a zip must be named .zip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "in Excel: File, Save As, CSV UTF-8"),
    (b"\x89PNG", "a picture", "export the rows as CSV"),
    (b"\xff\xd8\xff", "a picture", "export the rows as CSV"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"PAR1", "Parquet", "name it .parquet"),
    (b"\x1f\x8b", "gzip", "name it .csv.gz"),
    (b"SQLite format 3", "a SQLite database", "write sqlite:///FILE::TABLE"),
)


def open_text(stream: BinaryIO, name: str, wanted: str) -> tuple[Utf8Stream | WideStream, str]:
    """A stream of bytes in which ASCII is ASCII, and what there is to say about it."""
    head = stream.read(4096)
    for mark, encoding in BOMS:
        if head.startswith(mark):
            if encoding == "utf-8":
                return Utf8Stream(stream, head[len(mark) :]), ""
            return WideStream(stream, head, encoding, name), f"read as {encoding}"
    for signature, what, remedy in SIGNATURES:
        if head.startswith(signature):
            raise SourceError(
                f"{name} looks like {what}, not a CSV", hint=f"save it as CSV ({remedy})" if "Excel" in what else remedy
            )
    if wanted and not _keeps_ascii(wanted):
        return WideStream(stream, head, wanted, name), f"read as {wanted}, as asked"
    if b"\0" in head:
        wide = _wide_without_mark(head)
        if wide:
            return WideStream(stream, head, wide, name), f"read as {wide}: every other byte is zero"
        raise SourceError(f"{name} is a binary file, not a CSV", hint="export the rows as CSV or Parquet")
    return Utf8Stream(stream, head), ""


def known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise SourceError(f"there is no encoding {name!r}", hint='write for example encoding = "cp1252"') from error


def _keeps_ascii(encoding: str) -> bool:
    try:
        return b'a1,;"\n'.decode(encoding) == 'a1,;"\n' and not encoding.startswith(("utf-7", "iso2022", "hz"))
    except UnicodeDecodeError:
        return False


def _wide_without_mark(head: bytes) -> str:
    even, odd = head[0::2].count(0) / max(1, len(head) // 2), head[1::2].count(0) / max(1, len(head) // 2)
    if odd > 0.5 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.5 and odd < 0.1 else ""


class Utf8Stream:
    """The stream itself, after what was already read of it."""

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        self.stream, self.head = stream, head

    def fill(self, room: memoryview) -> int:
        """Bytes into the room; how many, 0 at the end."""
        given = len(self.head[: len(room)])
        room[:given] = self.head[:given]
        self.head = self.head[given:]
        got: int = self.stream.readinto(room[given:]) if given < len(room) else 0  # type: ignore[attr-defined]
        return given + got


class WideStream:
    """UTF-16 and its like, in which a newline is not one byte: made UTF-8 before anything looks for records."""

    def __init__(self, stream: BinaryIO, head: bytes, encoding: str, name: str) -> None:
        self.raw = Utf8Stream(stream, head)
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.name = name
        self.encoding = encoding
        self.over = b""  # what did not fit into the last room
        self.begun = False

    def fill(self, room: memoryview) -> int:
        while not self.over:
            data = bytearray(len(room))
            read = self.raw.fill(memoryview(data))
            self.over = self._converted(bytes(data[:read]))
            if not read:
                break
        given = min(len(room), len(self.over))
        room[:given] = self.over[:given]
        self.over = self.over[given:]
        return given

    def _converted(self, data: bytes) -> bytes:
        try:
            text = self.decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.name} is not {self.encoding} all through: {error.reason}", hint="save it again as UTF-8"
            ) from error
        if text and not self.begun:
            self.begun = True
            text = text.removeprefix("\ufeff")
        return text.encode("utf-8")


class Decoder:
    """Makes blocks UTF-8. `encoding` is settled by the first block that is not, for the whole file."""

    def __init__(self, wanted: str, encoding: str = "") -> None:
        self.wanted = wanted
        self.encoding = encoding  # empty: UTF-8 as far as seen
        self.note = ""

    def decode(self, block: Block) -> tuple[bytes | memoryview, npt.NDArray[np.bool_] | None]:
        """The block in UTF-8, and which records were left out because their bytes are not text."""
        data = block.data
        if _is_ascii(data) or (self.encoding in ("", "utf-8") and valid_utf8(data)):
            return data, None
        if not self.encoding:
            self._settle(block)
        try:
            return self._convert(bytes(data)), None
        except UnicodeDecodeError:
            broken = np.array([not self._readable(block.record(index)) for index in range(block.count)])
            return self._convert(block.without(broken)), broken

    def text(self, data: bytes) -> str:
        return data.decode(self.encoding or "utf-8", "replace")

    def _convert(self, data: bytes) -> bytes:
        text = data.decode(self.encoding)
        return data if self.encoding == "utf-8" else text.encode("utf-8")

    def _readable(self, record: bytes) -> bool:
        try:
            record.decode(self.encoding)
        except UnicodeDecodeError:
            return False
        return True

    def _settle(self, block: Block) -> None:
        data = bytes(block.data)
        at = _first_broken(data)
        start = max(0, at - SAMPLE // 2)
        sample = data[start : at + SAMPLE // 2]
        if _mostly_utf8(sample):
            self.encoding = "utf-8"
            self.note = f"read as UTF-8 with broken rows: not UTF-8 at byte {block.first_byte + at}"
            return
        self.encoding = self.wanted if self.wanted not in ("", "utf-8") else guess(sample)
        self.note = f"read as {self.encoding}: not UTF-8 at byte {block.first_byte + at}"


def _is_ascii(data: memoryview) -> bool:
    return int(np.frombuffer(data, np.uint8).max(initial=0)) < 0x80


def valid_utf8(data: bytes | memoryview) -> bool:
    """Arrow's check: no copy and vectorised, where bytes.decode would build the whole string."""
    offsets = pa.py_buffer(np.array([0, len(data)], dtype=np.int32))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _first_broken(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def _mostly_utf8(sample: bytes) -> bool:
    """Whether most characters beyond ASCII are well-formed UTF-8.

    In older encodings a lead byte followed by just the right number of trail bytes is rare chance (about one in ten
    at worst), in UTF-8 with some damage it is the rule: a half tells them apart with room on both sides.
    """
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    well = sum(1 for letter in text if letter > "\x7f") - broken
    return well > broken


def guess(sample: bytes) -> str:
    """The older encoding in which most characters beyond ASCII are usual ones."""
    beyond = bytes(byte for byte in sample if byte > 0x7F)
    runs = len(re.findall(rb"[\x80-\xff]+", sample))
    # Words of Latin scripts mix letters beyond ASCII with plain ones, Cyrillic and Greek words don't.
    mixed = len(re.findall(rb"[A-Za-z][\x80-\xff]+|[\x80-\xff]+[A-Za-z]", sample))
    candidates = [encoding for encoding in USUAL if encoding not in ("cp1251", "cp1253") or 2 * mixed < runs]

    def usual(encoding: str) -> float:
        letters = beyond.decode(encoding, "replace")
        return sum(letter in USUAL[encoding] for letter in letters) / max(1, len(letters))

    return max(candidates, key=usual)
