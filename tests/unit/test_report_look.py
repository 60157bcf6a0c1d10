"""Words, colours and the places of labels, the same on the page and on the command line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas import published
from mlpnas.report import label_placement as labels
from mlpnas.report import style, wording
from mlpnas.spec import ArchSpec, Layer, Stage, Stem


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=15))
def test_names_of_dots_cover_no_name_and_no_dot(places: list[tuple[float, float]]) -> None:
    across, up, name = [x for x, _ in places], [y for _, y in places], "as_mlp_t"
    chosen = labels.choose_sides(across, up, [name] * len(places))
    assert len(chosen) == len(places)
    dots = [(x * labels._WIDTH, y * labels._HEIGHT) for x, y in places]
    width = len(name) * labels._CHARACTER
    boxes = [labels._box(x, y, width, side) for (x, y), side in zip(dots, chosen, strict=True) if side]
    for number, box in enumerate(boxes):
        others = [*boxes[:number], *((x - 5, y - 5, x + 5, y + 5) for x, y in dots)]
        assert not any(labels._overlap(box, other) for other in others)


def test_dots_with_room_get_their_names() -> None:
    chosen = labels.choose_sides([0.1, 0.5, 0.9], [0.5, 0.5, 0.5], ["as_mlp_t", "swin_t", "gmlp_s"])
    assert all(chosen)


def contrast(colour: str) -> float:
    """Against white (WCAG 2.2, relative luminance)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@pytest.mark.parametrize(("colour", "least"), [(style.INK, 7), (style.MUTED, 4.5), (style.ACCENT, 4.5)])
def test_words_are_readable(colour: str, least: float) -> None:
    assert contrast(colour) >= least


@pytest.mark.parametrize("colour", style.colours("abcdefghij").values())
def test_marks_are_visible(colour: str) -> None:
    assert contrast(colour) >= 3


def test_page_and_charts_share_their_colours() -> None:
    css = (Path(style.__file__).parent / "page" / "page.css").read_text()
    for name in ("ink", "muted", "line", "accent"):
        assert f"--{name}: {getattr(style, name.upper())};" in css


@pytest.mark.parametrize(
    ("name", "value", "text", "cell"),
    [
        ("top1", 0.972, "97.2 % top-1", "97.2 %"),
        ("macs", 1.32e6, "1.32 MMACs", "1.32 M"),
        ("params", 41200.0, "41.2 k params", "41.2 k"),
        ("params", 950.0, "950 params", "950"),
        ("latency", 0.0123, "12.3 ms", "12.3 ms"),
        ("peak_bytes", 3 * 2**20, "3 MiB", "3 MiB"),
        ("loss", 0.12345, "loss 0.1235", "0.1235"),
        ("macs", None, "MACs -", "-"),
    ],
)
def test_numbers_in_words(name: str, value: float | None, text: str, cell: str) -> None:
    assert (wording.text(name, value), wording.cell(name, value)) == (text, cell)


def test_architecture_in_words() -> None:
    shift = Layer.of("axial_shift", shift_size=3)
    spec = ArchSpec((Stage(32, 2, shift, 2), Stage(64, 3, Layer("token_linear"), 0)), Stem(2), 28, 1, 10)
    assert wording.stages(spec) == [
        "14x14 · 32 channels · 2 x axial_shift(shift_size=3, dilation=1) · MLP 2",
        "7x7 · 64 channels · 3 x token_linear · no MLP",
    ]
    assert wording.short(spec) == "2 x axial_shift(shift_size=3) 32, 3 x token_linear 64"
    assert wording.mixers(spec) == ["token_linear", "axial_shift"]
    assert wording.options(Layer.of("window_attention", window=4)) == {"window": 4, "head_dim": 32}
    assert wording.options(Layer.of("of another package", ratio=2)) == {"ratio": 2}
    assert wording.grid(published.find("vit_s16").spec.grids()[0]) == "14x14+1"
