"""Reading of one encoded image: its header or its pixels, within limits that no file can exceed."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, features

from mlpnas.datasets._listing import Encoded, escape

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", *(("AVIF",) if features.check("avif") else ()))
MOST_PIXELS = 100_000_000
MOST_BYTES = 512 << 20

_GREY = {"1", "L", "LA", "La", "I", "F"}  # and I;16 with its byte orders
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_OPENING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # without O_NONBLOCK a FIFO in place of a file would block


class Unreadable(Exception):
    """An image that cannot be used; the text says why."""


class Header(NamedTuple):
    """Height and width of the upright image, and its kind."""

    height: int
    width: int
    is_grey: bool
    is_transparent: bool
    is_deep: bool
    has_frames: bool


@dataclass(frozen=True)
class Layout:
    """The channels and size of all decoded images."""

    channels: int
    height: int
    width: int

    @property
    def mode(self) -> str:
        return "L" if self.channels == 1 else "RGB"

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


def read_bytes(data: Encoded) -> bytes:
    """Return the bytes of an encoded image, or raise Unreadable."""
    if data is None:
        raise Unreadable("has no image bytes")
    if isinstance(data, bytes):
        return data
    try:
        return _file_bytes(data) if isinstance(data, str) else data()
    except Unreadable:
        raise
    except Exception as error:  # the readers of archives raise errors of any class for damaged bytes
        raise Unreadable(f"not a readable image ({getattr(error, 'strerror', None) or _reason(error)})") from None


def _file_bytes(path: str) -> bytes:
    with os.fdopen(os.open(path, _OPENING), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("not a regular file")
        if about.st_size > MOST_BYTES:
            raise Unreadable(f"larger than {MOST_BYTES >> 20} MiB")
        return file.read(MOST_BYTES)


def header(data: bytes) -> Header:
    """Return the header of an image, or raise Unreadable."""
    with _open_image(data) as image:
        width, height = image.size
        if _orientation(image, data) in _TURNED:
            width, height = height, width
        is_grey = image.mode in _GREY or image.mode.startswith("I;16")
        is_deep = image.mode.startswith(("I", "F"))
        return Header(height, width, is_grey, image.has_transparency_data, is_deep, _has_frames(image))


def check(data: bytes) -> None:
    """Decode an image completely; raise Unreadable if that fails."""
    with _open_image(data) as image:
        _plain(image, "RGB")


def pixels(data: bytes, layout: Layout) -> NDArray[np.uint8]:
    """Return pixels (C, H, W) in `layout`: upright, transparency on white, resized to cover it, then cropped.

    Raises:
        Unreadable: the image cannot be decoded.
    """
    size = (layout.width, layout.height)
    with _open_image(data) as image:
        orientation = _orientation(image, data)
        stored = size[::-1] if orientation in _TURNED else size
        if image.size != stored:
            image.draft(layout.mode, stored)  # a JPEG is decoded at a fraction of its size, but not below `stored`
        plain = _plain(image, layout.mode)
        if orientation in _TRANSPOSED:
            plain = plain.transpose(_TRANSPOSED[orientation])
        if plain.size != size:
            plain = ImageOps.fit(plain, size, Image.Resampling.BICUBIC)
        array = np.asarray(plain)
    return array[None] if layout.channels == 1 else array.transpose(2, 0, 1)


_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def _open_image(data: bytes) -> Iterator[Image.Image]:
    """Open an image; every error of the block becomes Unreadable."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise Unreadable(_too_large(f"{width}x{height} pixels"))
            yield image
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        raise Unreadable(_too_large("too many pixels")) from None
    except UnidentifiedImageError:
        raise Unreadable(f"not a readable image ({_kind(data)})") from None
    except Exception as error:  # Pillow's plug-ins raise errors of any class for a broken file
        raise Unreadable(f"not a readable image ({_reason(error)})") from None


def _too_large(what: str) -> str:
    return f"{what}; no image above {MOST_PIXELS // 1_000_000} million pixels is decoded"


def _kind(data: bytes) -> str:
    """Return what the bytes are, if not an image of a known format."""
    if not data:
        return "an empty file"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc"):
        return "HEIC; convert it to JPEG or PNG"
    if data[:4] in (b"%!PS", b"%PDF", b"8BPS"):
        return "a document, not an image; convert it to JPEG or PNG"
    return f"no {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, or damaged"


def _reason(error: Exception) -> str:
    text = str(error).split("<_io")[0].split(" '/")[0].strip()
    return escape(text, 100) or type(error).__name__


def _orientation(image: Image.Image, data: bytes) -> int:
    """Return the EXIF orientation; 1 if it is missing or damaged."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    if image.format == "PNG" and b"eXIf" not in data and b"exif" not in data and b"Orientation" not in data:
        return 1  # Pillow would decode the whole image to find metadata after the pixels
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata, not a damaged image
        return 1
    return orientation if orientation in _TRANSPOSED else 1


def _has_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # damaged after the first frame, and only the first is read
        return False


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Convert to 8 bits, opaque, in `mode`."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(image)).convert(mode)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert(mode)
    return image.convert(mode)


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Return the upper 8 of 16 bits, as Pillow does for colour images; floats go from 0 to 1, or to 255."""
    values = np.asarray(image)
    least, most = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if least < 0 or not most <= 255:
            raise Unreadable(f"floats from {least:g} to {most:g}; write them from 0 to 1, or as 8 or 16 bits")
        return np.round(values * (255 if most <= 1 else 1)).astype(np.uint8)
    if least < 0 or most > 0xFFFF:
        raise Unreadable(f"integers of 32 bits from {least:.0f} to {most:.0f}; write them as 8 or 16 bits")
    return (values >> 8).astype(np.uint8)
