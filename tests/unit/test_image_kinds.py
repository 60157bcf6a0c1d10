"""Images of every kind become the pixels that a person sees."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpnas.datasets import _open, load, resolve
from mlpnas.datasets._open import Layout, Unreadable, header, pixels
from tests.support.image_files import write_folder

COLOUR, GREY = Layout(3, 4, 6), Layout(1, 4, 6)
UPRIGHT = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def _bytes(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# how the stored rows and columns must be turned to stand upright, from the EXIF standard
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_images_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = _bytes(stored, kind, exif=exif.tobytes(), **options)
    assert header(data)[:2] == (4, 6)
    assert np.array_equal(pixels(data, GREY)[0], UPRIGHT)


def test_a_turned_jpeg_is_drafted_in_its_own_direction() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = np.zeros((400, 1600, 3), np.uint8)
    wide[:, :800] = 255  # the left half is up, once it is turned
    data = _bytes(Image.fromarray(wide), "JPEG", exif=exif.tobytes())
    assert header(data)[:2] == (1600, 400)
    shown = pixels(data, Layout(3, 160, 40))
    assert shown[:, :78].min() > 250
    assert shown[:, 82:].max() < 5


def test_damaged_exif_is_no_damaged_image() -> None:
    data = _bytes(Image.fromarray(UPRIGHT), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert header(data)[:2] == (4, 6)
        assert abs(pixels(data, GREY)[0].astype(int) - UPRIGHT).max() < 5


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_read_by_their_upper_eight(kind: str) -> None:
    deep = UPRIGHT.astype(np.uint16) * 256 + 77
    data = _bytes(Image.fromarray(deep), kind)
    assert header(data).is_deep
    assert np.array_equal(pixels(data, GREY)[0], UPRIGHT)
    assert np.array_equal(pixels(data, COLOUR)[2], UPRIGHT)


@pytest.mark.parametrize(("scale", "shown"), [(1 / 255, 255), (1, 1)])
def test_floats_are_from_0_to_1_or_to_255(scale: float, shown: float) -> None:
    data = _bytes(Image.fromarray(UPRIGHT.astype(np.float32) * np.float32(scale)), "TIFF")
    assert np.array_equal(pixels(data, GREY)[0], UPRIGHT)


@pytest.mark.parametrize("values", [[[-1.0, 1.0]], [[0.0, 256.0]], [[0.0, np.nan]]])
def test_floats_of_another_range_are_refused(values: Any) -> None:
    data = _bytes(Image.fromarray(np.array(values, np.float32)), "TIFF")
    with pytest.raises(Unreadable, match=r"floats from .* to .*; write them from 0 to 1"):
        pixels(data, GREY)


def test_transparent_parts_are_white() -> None:
    image = np.zeros((4, 6, 4), np.uint8)
    image[..., 3] = np.where(np.arange(6) < 3, 0, 255)  # black, the left half invisible
    shown = pixels(_bytes(Image.fromarray(image)), COLOUR)
    assert shown[:, :, :3].min() == 255
    assert shown[:, :, 3:].max() == 0
    image[..., 3] = 128
    half = pixels(_bytes(Image.fromarray(image)), COLOUR)
    assert set(np.unique(half)) == {127}
    assert header(_bytes(Image.fromarray(image))).is_transparent


@pytest.mark.parametrize("mode", ["P", "L", "LA"])
def test_transparent_palettes_and_greys_are_white_too(mode: str) -> None:
    image = Image.fromarray(np.where(np.arange(6) < 3, 0, 9).astype(np.uint8)[None].repeat(4, 0))
    if mode == "LA":
        image.putalpha(image.point(lambda value: 0 if value == 0 else 255))
        data = _bytes(image)
    elif mode == "P":
        palette = Image.new("P", (6, 4))
        palette.putdata(list(image.getdata()))
        palette.putpalette([200, 0, 0] * 9 + [9, 9, 9])
        data = _bytes(palette, transparency=0)
    else:
        data = _bytes(image, transparency=0)
    shown = pixels(data, COLOUR)
    assert shown[:, :, :3].min() == 255
    assert shown[:, :, 3:].max() == 9


def test_palettes_cmyk_and_one_bit() -> None:
    palette = Image.new("P", (6, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert pixels(_bytes(palette), COLOUR)[:, 0, 0].tolist() == [10, 20, 30]
    ink = Image.new("CMYK", (6, 4), (255, 0, 0, 0))
    cyan = pixels(_bytes(ink, "TIFF"), COLOUR)[:, 0, 0]
    assert cyan.tolist() == [0, 255, 255]
    bits = Image.fromarray(UPRIGHT > 100)
    assert np.array_equal(pixels(_bytes(bits), GREY)[0], np.where(UPRIGHT > 100, 255, 0))
    assert header(_bytes(bits)).is_grey
    assert not header(_bytes(ink, "TIFF")).is_grey


def test_other_formats_of_pillow_are_not_opened() -> None:
    for kind in ("EPS", "PDF", "PCX", "SGI", "TGA", "ICO"):
        with pytest.raises(Unreadable, match="not a readable image"):
            header(_bytes(Image.new("RGB", (32, 32)), kind))


def test_nothing_above_100_million_pixels_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _bytes(Image.new("1", (10_001, 10_000)))
    loads: list[object] = []
    monkeypatch.setattr(Image.Image, "load", lambda image: loads.append(image))
    with pytest.raises(Unreadable, match="10001x10000 pixels; no image above 100 million pixels is decoded"):
        pixels(data, GREY)
    assert not loads


def test_pillow_s_warnings_stay_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # 144 pixels are worth a warning, but no error
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(resolve(str(write_folder(tmp_path)))).image == (12, 12)


def test_a_fifo_in_the_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(Unreadable, match="not a regular file"):
        _open.read_bytes(str(tmp_path / "x.png"))
