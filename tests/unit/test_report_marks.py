"""The labels of the front's chart cover no dot, on wide pages and on phones; every budget is shown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.report.callouts import NARROW, WIDE, Canvas
from mlpnas.report.front_chart import front_chart
from mlpnas.report.published import neighbours
from mlpnas.run import Run
from tests.support import fake_runs
from tests.support.manifests import with_fields

PLACES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)
DOT = 6.5  # pixels from the middle of the largest dot to its rim


def meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@given(PLACES, st.sampled_from([WIDE, NARROW]), st.booleans())
def test_words_beside_dots_cover_no_dot_and_no_words(
    places: list[tuple[float, float]], widths: Sequence[float], up: bool
) -> None:
    canvas, height = Canvas(widths, 450.0, np.array(places), np.zeros((0, 4))), 450.0
    words = ["best: trial 17, 97.2 %", "knee: trial 3, 91.0 %", "as_mlp_t"]
    offsets = [canvas.place_beside(place, text, up=up) for place, text in zip(places, words, strict=False)]
    for width in widths:
        dots = [(x * width - DOT, y * height - DOT, x * width + DOT, y * height + DOT) for x, y in places]
        boxes: list[Sequence[float]] = []
        for (x, y), text, offset in zip(places, words, offsets, strict=False):
            if offset:
                wide, high = Canvas.size(text) / 2
                middle = x * width + offset[0], y * height + offset[1]
                box = (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)
                assert not any(meet(box, other) for other in (*dots, *boxes))
                assert meet(box, (0, 0, width, height))
                boxes.append(box)


def test_the_usual_place_is_above_the_front() -> None:
    canvas = Canvas(WIDE, 450.0, np.array([[0.5, 0.5]]), np.zeros((0, 4)))
    dx, dy = canvas.place_beside((0.5, 0.5), "knee: trial 3") or (0.0, 0.0)
    assert dx < 0 < dy


def test_words_avoid_lines_where_they_can() -> None:
    line = np.array([[0.0, 0.53, 0.5, 0.53]])
    canvas = Canvas(WIDE, 450.0, np.array([[0.5, 0.5]]), line)
    dx, dy = canvas.place_beside((0.5, 0.5), "knee: trial 3") or (0.0, 0.0)
    assert dx > 0 or dy <= 0


def chart(run: Run) -> dict[str, Any]:
    figure = front_chart(run, neighbours(run))
    assert figure
    return json.loads(figure.to_json())["layout"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_runs.quick(tmp_path_factory.mktemp("runs") / "quick")


def limited(run: Run, folder: Path, limits: Mapping[str, float], **objectives: str) -> dict[str, Any]:
    manifest = with_fields(
        run.manifest, limits=limits, objectives=objectives or run.manifest.decided.objectives, reference={}
    )
    latency = {"latency": 0.01, "loss": 0.5}
    records = [replace(record, values={**latency, **record.values}) for record in run.records]
    return chart(fake_runs.write(folder, records, manifest))


def test_every_budget_is_drawn_or_named(run: Run, tmp_path: Path) -> None:
    layout = limited(run, tmp_path / "a", {"macs": 3e6, "params": 6e4, "latency": 0.012})
    assert [shape["x0"] for shape in layout["shapes"]] == [3e6]
    assert "budget 3 MMACs" in [note["text"] for note in layout["annotations"]]
    assert "budget: 60 k params, 12 ms" in layout["xaxis"]["title"]["text"]


def test_a_budget_of_each_axis_is_a_line(run: Run, tmp_path: Path) -> None:
    limits = {"params": 6e4, "latency": 0.012}
    layout = limited(run, tmp_path / "a", limits, latency="minimize", params="minimize")
    lines = [(shape["x0"], shape["y0"]) for shape in layout["shapes"]]
    assert sorted(lines, key=str) == [(0, 12.0), (6e4, 0)]
    assert {note["text"] for note in layout["annotations"]} >= {"budget 60 k params", "budget 12 ms"}
    low, high = layout["yaxis"]["range"]
    assert low < 12.0 < high


def test_best_and_knee_are_named_on_phones_too(run: Run) -> None:
    layout = chart(run)
    wide = [note["text"] for note in layout["annotations"]]
    narrow = [note["text"] for note in layout["meta"]["narrow"]]
    assert [text.split(":")[0] for text in wide] == ["budget 3 MMACs", "best", "knee"]
    assert narrow == ["budget 3 MMACs", "best", "knee"]


def test_names_of_published_models_and_picks_share_no_place(tmp_path: Path) -> None:
    notes = chart(fake_runs.backbones(tmp_path / "asmlp"))["annotations"]
    texts = [note["text"] for note in notes]
    assert "as_mlp_s" in texts
    shifts = [(note["x"], note["y"], note.get("xshift", note.get("ax"))) for note in notes]
    assert len(set(shifts)) == len(shifts)


def test_a_dense_front_without_free_space_still_names_its_best(tmp_path: Path) -> None:
    run = fake_runs.quick(tmp_path / "quick", trials=12)
    canvas = Canvas(WIDE, 40.0, np.random.default_rng(0).random((3000, 2)), np.zeros((0, 4)))
    assert canvas.place_beside((0.5, 0.5), "best: trial 1") is None
    assert any(note["text"].startswith("best") for note in chart(run)["annotations"])
