"""The report page: what it says, that it stands alone, and that odd runs and hostile names do it no harm."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.record import Record
from mlpnas.report import labels, style, wording, write_report
from mlpnas.report.published import neighbours, published_name
from mlpnas.run import Manifest, Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests import fake_runs
from tests.fake_runs import QUICK, write

EVIL = "<script>alert('x')</script>\u2028\"'&{{ 7*7 }}"


class Page(HTMLParser):
    """The parts of a page that the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.figures: dict[str, Any] = {}
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if name := attributes.get("data-for"):
            self.figures[name] = json.loads(data)
        elif tag not in ("script", "style"):
            self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(run: Run) -> Page:
    path = write_report(run)
    assert path == run.path / "report.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_runs.quick(tmp_path_factory.mktemp("runs") / "quick-mnist5k")


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return read(run)


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_runs.backbones(tmp_path_factory.mktemp("runs") / "asmlp")


def points(trace: dict[str, Any]) -> list[tuple[float, float]]:
    return list(zip(trace["x"], trace["y"], strict=True))


def traces(page: Page, name: str) -> dict[str, dict[str, Any]]:
    return {trace.get("name", ""): trace for trace in page.figures[name]["data"]}


def test_title_answers_the_question(run: Run, page: Page) -> None:
    best = run.best()
    macs, params = wording.text("macs", best.values["macs"]), wording.text("params", best.values["params"])
    top1 = f"{100 * best.values['top1']:.1f} %"
    title = f"Best: trial {best.trial}, {top1} top\u20111 on mnist5k val at {macs}, {params}"
    assert title in page.text
    assert "23 trials, 3 failed, 1 stopped early, 3m 37s" in page.text


def test_page_needs_no_network(page: Page) -> None:
    for tag, attributes in page.tags:
        assert not {"src", "href", "action", "data", "srcset"} & attributes.keys(), (tag, attributes)
    policy = next(meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'nonce-")


def test_styles_load_nothing(run: Run) -> None:
    html = write_report(run).read_text()
    for css in re.findall(r"<style>(.*?)</style>", html, re.S):
        assert "url(" not in css
        assert "@import" not in css


def test_only_our_scripts_may_run(page: Page) -> None:
    scripts = [script for script in page.named("script") if script.get("type") != "application/json"]
    nonces = {script.get("nonce") for script in scripts}
    assert len(scripts) == 2
    assert len(nonces) == 1
    assert None not in nonces


def test_each_page_has_its_own_nonce(tmp_path: Path) -> None:
    nonces = {read(write(tmp_path / name)).named("script")[0]["nonce"] for name in "ab"}
    assert len(nonces) == 2


def test_front_is_drawn_as_it_is(run: Run, page: Page) -> None:
    drawn = points(traces(page, "front")["front"])
    wanted = [(r.values["macs"], r.values["top1"]) for r in run.front()]
    assert drawn == [*wanted, (QUICK.limits["macs"], wanted[-1][1])]


def test_every_finished_trial_is_a_dot_that_names_itself(run: Run, page: Page) -> None:
    dots = [trace for trace in page.figures["front"]["data"] if trace["mode"] == "markers"]
    drawn = {point: text for trace in dots for point, text in zip(points(trace), trace["hovertext"], strict=True)}
    assert len(drawn) == len(run.done()) == 19
    for record in run.done():
        text = drawn[record.values["macs"], record.values["top1"]]
        assert text.startswith(f"<b>trial {record.trial}</b>")
        assert all(stage in text for stage in wording.stages(run.spec(record)))


def test_colour_is_the_mixer_with_most_blocks(run: Run, page: Page) -> None:
    legend = traces(page, "front")
    for record in run.done():
        mixers = wording.mixers(run.spec(record))
        x = legend[mixers[0]]["x"]
        symbol = legend[mixers[0]]["marker"]["symbol"][x.index(record.values["macs"])]
        assert symbol == ("circle" if len(mixers) == 1 else "diamond")


def test_table_of_the_best_exports_each(run: Run, page: Page) -> None:
    for record in run.front():
        assert f"mlpnas export {run.path} --pick {record.trial} --to quick-mnist5k-{record.trial}" in page.text
        for stage in run.spec(record).stages:
            assert f"{stage.depth} \u00d7 {stage.mixer.name}" in page.text


def test_table_of_the_best_starts_with_the_best(run: Run, page: Page) -> None:
    order = [int(number) for number in re.findall(r"--pick (\d+)", page.text)]
    assert order == [r.trial for r in sorted(run.front(), key=lambda r: -r.values["top1"])]


def test_export_names_a_run_in_the_usual_place_shortly(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPNAS_RUNS", str(tmp_path))
    short = write(tmp_path / "my run", run.records[:1])
    assert "mlpnas export 'my run' --pick 0 --to 'my run-0'" in read(short).text


def test_progress_ends_at_the_best_and_the_hypervolume(run: Run, page: Page) -> None:
    assert traces(page, "best_so_far")["best so far"]["y"][-1] == run.best().values["top1"]
    volumes = traces(page, "hypervolume")["hypervolume"]["y"]
    assert volumes == sorted(volumes)
    assert volumes[-1] == pytest.approx(run.hypervolume())


def test_mixers_are_ranked_by_their_median(page: Page) -> None:
    boxes = page.figures["by_mixer"]["data"]
    middle = [sorted(box["y"])[len(box["y"]) // 2] for box in boxes]
    assert boxes[0]["name"].startswith("axial_shift<br>")
    assert middle[0] == max(middle)
    assert boxes[0]["name"].endswith("on the front")


def test_training_curves_of_the_front(run: Run, page: Page) -> None:
    lines = page.figures["curves"]["data"]
    assert {line["name"] for line in lines} == {f"trial {record.trial}" for record in run.front()}
    assert lines[0]["y"][-1] == run.best().values["top1"]


def test_failures_are_listed_with_their_reason(page: Page) -> None:
    assert "5 out of memory CUDA out of memory. Tried to allocate 1.53 GiB" in page.text
    assert "9 diverged loss is nan in epoch 2" in page.text
    assert "16 failed RuntimeError: cannot read <image 17> & co." in page.text


def test_everything_to_repeat_it(page: Page) -> None:
    assert QUICK.command in page.text
    for part in (*QUICK.notes, QUICK.space_hash, "9d4c1f0a5e77b021", "tpe", "2.15.0", "bf16", "2 cores", "version: 1"):
        assert part in page.text


def test_how_sure(page: Page) -> None:
    assert "With 800 validation images, top-1 is known to ± 1.5 points" in page.text


def test_published_models_of_that_cost_stand_on_their_own_axis(backbones: Run) -> None:
    trace = traces(read(backbones), "front")["published, ImageNet-1k as printed"]
    assert trace["yaxis"] == "y2"
    wanted = {
        name: (cost(published.find(name).spec).macs, published.find(name).top1)
        for name in published.names()
        if min(r.values["macs"] for r in backbones.records) <= cost(published.find(name).spec).macs <= 1.05 * 15e9
    }
    drawn = dict(zip(trace["text"], points(trace), strict=True))
    assert drawn.keys() == wanted.keys() >= {"as_mlp_t", "as_mlp_b", "swin_t", "mixer_s16"}
    for name, (macs, top1) in wanted.items():
        assert drawn[name][0] == macs
        if top1 is not None:
            assert drawn[name][1] == top1


def test_published_models_trained_here_bear_their_names(backbones: Run) -> None:
    trace = traces(read(backbones), "front")["published, trained here"]
    values = [backbones.records[n].values for n in (0, 1)]
    assert trace["text"] == ["as_mlp_t", "as_mlp_s"]
    assert points(trace) == [(value["macs"], value["top1"]) for value in values]


def test_published_name_survives_other_classes(backbones: Run) -> None:
    spec = replace(published.find("as_mlp_t").spec, classes=10, channels=1, input_size=64)
    assert published_name(replace(backbones.records[0], spec=spec.dumps())) == "as_mlp_t"
    assert published_name(replace(backbones.records[0], spec="{")) == ""
    same = published.find("vit_s16").spec
    assert published_name(replace(backbones.records[0], spec=same.dumps())) == "deit_s, vit_s16"


def test_small_networks_have_no_published_neighbours(run: Run, page: Page) -> None:
    assert neighbours(run) == []
    assert "yaxis2" not in page.figures["front"]["layout"]


def without(run: Run, name: str) -> list[Record]:
    return [replace(r, values={key: v for key, v in r.values.items() if key != name}) for r in run.records]


def test_no_trial(tmp_path: Path) -> None:
    page = read(write(tmp_path))
    assert "No trial yet 0 trials, 0s" in page.text
    assert page.figures == {}
    assert QUICK.command in page.text


def test_a_bare_manifest(tmp_path: Path) -> None:
    assert "No trial yet" in read(write(tmp_path, manifest=Manifest("x", objectives={"top1": "maximize"}))).text


def test_only_failures(tmp_path: Path, run: Run) -> None:
    page = read(write(tmp_path, [run.records[n] for n in (5, 9, 16)]))
    assert "No trial has finished 3 trials, 3 failed" in page.text
    assert "The reasons are listed below" in page.text
    assert "CUDA out of memory" in page.text
    assert page.figures == {}


def test_one_trial(tmp_path: Path, run: Run) -> None:
    page = read(write(tmp_path, run.records[:1]))
    assert "1 trial, 14s" in page.text
    assert "The one network on the front" in page.text
    assert page.figures.keys() == {"front", "curves"}


def test_one_objective(tmp_path: Path, run: Run) -> None:
    manifest = replace(QUICK, objectives={"top1": "maximize"}, reference={"top1": 0.0})
    page = read(write(tmp_path, run.records, manifest))
    assert "Best: trial" in page.text
    drawn = traces(page, "front")["front"]
    assert [y for _, y in points(drawn)] == sorted(y for _, y in points(drawn))  # over MACs all the same


def test_three_objectives(tmp_path: Path, run: Run) -> None:
    records = [
        replace(r, values={**r.values, "latency": (7 * r.trial % 24 + 1) * 1e-3}) if r.is_done else r
        for r in run.records
    ]
    objectives = {"top1": "maximize", "macs": "minimize", "latency": "minimize"}
    three = write(tmp_path, records, replace(QUICK, objectives=objectives, reference={"top1": 0.0, "macs": 3e6}))
    page = read(three)
    assert len(three.front()) > len(points(traces(page, "front")["front"]))
    assert "hypervolume" not in page.figures  # no reference for the latency
    assert f"{wording.cell('latency', three.best().values['latency'])}, " in page.text


def test_other_costs_take_the_axis(tmp_path: Path, run: Run) -> None:
    manifest = replace(QUICK, objectives={"loss": "minimize", "params": "minimize"}, limits={}, reference={})
    page = read(write(tmp_path, run.records, manifest))
    assert "loss over params" in page.text
    steps = points(traces(page, "front")["front"])
    assert [x for x, _ in steps] == sorted(x for x, _ in steps)
    assert [y for _, y in steps] == sorted((y for _, y in steps), reverse=True)


def test_no_costs_at_all(tmp_path: Path, run: Run) -> None:
    manifest = replace(QUICK, objectives={"top1": "maximize"}, limits={})
    page = read(write(tmp_path, without(run, "macs"), manifest))
    assert "front" not in page.figures
    assert "best_so_far" in page.figures


def test_no_curves(tmp_path: Path, run: Run) -> None:
    assert "curves" not in read(write(tmp_path, run.records, curves=False)).figures


@pytest.mark.parametrize("finished", [True, False])
def test_hostile_names_stay_text(tmp_path: Path, run: Run, finished: bool) -> None:
    spec = ArchSpec((Stage(16, 1, Layer.of("axial_shift", shift_size=EVIL)),), Stem(7), 28, 1, 10)
    status = "done" if finished else "failed"
    records = [replace(run.records[0], spec=spec.dumps(), error=EVIL, status=status, device=EVIL)]
    texts = dict.fromkeys(("name", "created", "command", "space", "space_text", "sampler", "backend"), EVIL)
    mappings = {name: {EVIL: EVIL} for name in ("versions", "machine", "recipe")}
    manifest = replace(
        QUICK, **texts, **mappings, notes=(EVIL,), data={"source": EVIL}, data_facts={"images": [EVIL], "name": EVIL}
    )  # type: ignore[arg-type]
    page = read(write(tmp_path, records, manifest))
    assert len(page.named("script")) == (4 if finished else 1)
    assert page.text.count("<script>alert('x')</script>") >= 10
    assert "49" not in page.text.split("trial")[0]


def test_hostile_mixers_stay_text_in_the_charts(tmp_path: Path, run: Run) -> None:
    spec = ArchSpec((Stage(16, 1, Layer(EVIL)), Stage(16, 1, Layer("gmlp"))), Stem(7), 28, 1, 10)
    page = read(write(tmp_path, [replace(run.records[0], spec=spec.dumps())]))
    words = json.dumps(page.figures)
    assert "&lt;script&gt;" in words
    assert "<script" not in words


def test_writing_again_replaces_it(tmp_path: Path, run: Run) -> None:
    first = write_report(write(tmp_path, run.records[:1])).read_text()
    assert write_report(write(tmp_path, run.records[1:2])).read_text() != first
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["report.html", "run.json"]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=15))
def test_every_dot_gets_a_side_for_its_name(places: list[tuple[float, float]]) -> None:
    chosen = labels.sides([x for x, _ in places], [y for _, y in places], ["as_mlp_t"] * len(places))
    assert len(chosen) == len(places)
    assert set(chosen) <= labels._SIDES.keys()


def test_names_of_close_dots_do_not_cover_each_other() -> None:
    across, up = [0.5, 0.505, 0.5, 0.505], [0.5, 0.5, 0.4, 0.4]
    chosen = labels.sides(across, up, ["as_mlp_t", "swin_t", "gmlp_s", "deit_s"])
    assert len({(side, y) for side, y in zip(chosen, up, strict=True)}) == 4


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
