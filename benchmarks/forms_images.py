"""Forms of folders with all kinds of images: endings, orientations, sizes, depths."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from forms import CLASSES, Asked, Sample, form, write
from forms_folders import classes
from PIL import Image, ImageOps


def _as(samples: list[Sample], kind: str, ending: str, mode: str = "", **options: Any) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for sample in samples:
        image = Image.open(io.BytesIO(sample.data))
        out = io.BytesIO()
        (image.convert(mode) if mode else image).save(out, kind, **options)
        files[f"{CLASSES[sample.label]}/{sample.number:03d}{ending}"] = out.getvalue()
    return files


@form("images: .jfif, .JPE, .TIF, .avif, .webp, .bmp, .gif, .pgm")
def endings(folder: Path, samples: list[Sample]) -> Path:
    kinds = [("JPEG", ".jfif"), ("JPEG", ".JPE"), ("TIFF", ".TIF"), ("AVIF", ".avif"), ("WEBP", ".webp")]
    kinds += [("BMP", ".bmp"), ("GIF", ".gif"), ("PPM", ".pgm")]
    for number, (kind, ending) in enumerate(kinds):
        write(folder, _as(samples[number :: len(kinds)], kind, ending))
    return folder


@form("images: turned by EXIF")
def turned(folder: Path, samples: list[Sample]) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    for sample in samples:
        image = ImageOps.pad(Image.open(io.BytesIO(sample.data)), (48, 32))
        out = io.BytesIO()
        image.save(out, "JPEG", exif=exif)
        write(folder, {sample.in_class: out.getvalue()})
    return folder


@form("images: 128x32 pixels, for an input of 32x128")
def wide_input(folder: Path, samples: list[Sample]) -> Asked:
    return Asked(wide(folder, samples), size=(32, 128))


@form("images: 128x32 pixels, for an input of 32x32")
def square_input(folder: Path, samples: list[Sample]) -> Asked:
    return Asked(wide(folder, samples), size=(32, 32))


def wide(folder: Path, samples: list[Sample]) -> Path:
    for sample in samples:
        wide_image = Image.new("RGB", (128, 32), "grey")
        wide_image.paste(Image.open(io.BytesIO(sample.data)), (0, 0))
        out = io.BytesIO()
        wide_image.save(out, "PNG")
        write(folder, {sample.in_class.replace(".jpg", ".png"): out.getvalue()})
    return folder


@form("images: of 16 bits")
def deep(folder: Path, samples: list[Sample]) -> Path:
    for sample in samples:
        grey = np.asarray(Image.open(io.BytesIO(sample.data)).convert("L")).astype(np.uint16) * 257
        out = io.BytesIO()
        Image.fromarray(grey).save(out, "PNG")
        write(folder, {sample.in_class.replace(".jpg", ".png"): out.getvalue()})
    return folder


@form("images: transparent, with a palette, CMYK, 1 bit")
def modes(folder: Path, samples: list[Sample]) -> Path:
    kinds = [("PNG", ".png", "RGBA"), ("PNG", ".png", "P"), ("JPEG", ".jpg", "CMYK"), ("PNG", ".png", "1")]
    for number, (kind, ending, mode) in enumerate(kinds):
        write(folder, _as(samples[number :: len(kinds)], kind, ending, mode))
    return folder


@form("images: HEIC, as a phone writes it")
def heic(folder: Path, samples: list[Sample]) -> Path:
    classes(folder, samples)
    return write(folder, {"cat/phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)})


@form("images: one of 11,000x11,000 pixels")
def huge(folder: Path, samples: list[Sample]) -> Path:
    out = io.BytesIO()
    Image.new("1", (11_000, 11_000)).save(out, "PNG")
    return write(classes(folder, samples), {"dog/huge.png": out.getvalue()})


@form("images: EPS under the name of a JPEG")
def eps(folder: Path, samples: list[Sample]) -> Path:
    return write(classes(folder, samples), {"dog/x.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"})


@form("images: 640x480 pixels, for an input of 448x448")
def large(folder: Path, samples: list[Sample]) -> Asked:
    for sample in samples:
        out = io.BytesIO()
        Image.open(io.BytesIO(sample.data)).resize((640, 480)).save(out, "JPEG")
        write(folder, {sample.in_class: out.getvalue()})
    return Asked(folder, size=(448, 448))


@form("images: 32x32 pixels, for an input of 224x224")
def small(folder: Path, samples: list[Sample]) -> Asked:
    return Asked(classes(folder, samples), size=(224, 224))
