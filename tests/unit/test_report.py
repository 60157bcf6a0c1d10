"""The report page: what it says and draws, and that it stands alone."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.report import wording, write_report
from mlpnas.report.published import neighbours, published_name
from mlpnas.run import Run
from tests.support import fake_runs
from tests.support.fake_runs import QUICK, write
from tests.support.manifests import manifest as build
from tests.support.report_page import Page, points, read, traces


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_runs.quick(tmp_path_factory.mktemp("runs") / "quick-mnist5k")


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return read(run)


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_runs.backbones(tmp_path_factory.mktemp("runs") / "asmlp")


def test_title_answers_the_question(run: Run, page: Page) -> None:
    best = run.best()
    macs, params = wording.text("macs", best.values["macs"]), wording.text("params", best.values["params"])
    top1 = f"{100 * best.values['top1']:.1f} %"
    title = f"Best: trial {best.trial}, {top1} top\u20111 on mnist5k val at {macs}, {params}"
    assert title in page.text
    assert "23 trials, 3 failed, 1 stopped early, 3m 37s" in page.text


def test_page_needs_no_network(page: Page) -> None:
    for tag, attributes in page.tags:
        inside = (attributes.pop("src", None) or "data:image/png;").startswith("data:image/png;")
        assert inside
        assert not {"href", "action", "data", "srcset"} & attributes.keys(), (tag, attributes)
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


def test_the_drawn_front_is_the_front(run: Run, page: Page) -> None:
    drawn = points(traces(page, "front")["front"])
    wanted = [(r.values["macs"], r.values["top1"]) for r in run.front()]
    assert drawn == [*wanted, (QUICK.decided.limits["macs"], wanted[-1][1])]


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


def test_curves_of_stopped_trials_are_one_line_in_the_back(tmp_path: Path, run: Run) -> None:
    on_front = {record.trial for record in run.front()}
    records = [record if record.trial in on_front else replace(record, status="stopped") for record in run.done()]
    lines = read(write(tmp_path, records)).figures["curves"]["data"]
    assert lines[0]["name"] == f"{len(records) - len(on_front)} stopped early"
    assert lines[0]["x"].count(None) == len(records) - len(on_front)
    assert len(lines) == 1 + len(on_front)


def test_training_curves_of_the_front(run: Run, page: Page) -> None:
    lines = page.figures["curves"]["data"]
    stopped, *best = lines
    assert stopped["name"].endswith("stopped early")
    assert {line["name"] for line in best} == {f"trial {record.trial}" for record in run.front()}
    assert best[0]["y"][-1] == run.best().values["top1"]


def test_receptive_fields_of_the_best(run: Run, backbones: Run) -> None:
    for drawn in (run, backbones):
        page, stages = read(drawn), len(drawn.spec(drawn.best()).stages)
        assert f"depends on in trial {drawn.best().trial}: through one block" in page.text
        assert [image["alt"] for image in page.named("img")] == [
            f"Receptive field of {what} stage {number}"
            for number in range(1, stages + 1)
            for what in ("one block of", "the network up to")
        ]
    assert "one block: 5x5 of 56x56 tokens" in page.text


def broken(*_: object) -> list[None]:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(("name", "value"), [("panels", broken), ("_MACS", 1e3)])
def test_fields_that_fail_or_cost_too_much_are_left_out(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(f"mlpnas.report.receptive_field.{name}", value)
    page = read(run)
    assert "The best networks" in page.text
    assert "one sees" not in page.text
    assert page.named("img") == []


def test_failures_are_listed_with_their_reason(page: Page) -> None:
    assert "5 out of memory CUDA out of memory. Tried to allocate 1.53 GiB" in page.text
    assert "9 diverged loss is nan in epoch 2" in page.text
    assert "16 failed RuntimeError: cannot read <image 17> & co." in page.text


def test_everything_to_repeat_it(page: Page) -> None:
    assert QUICK.command in page.text
    for part in (
        *QUICK.decided.notes,
        QUICK.space_hash,
        "9d4c1f0a5e77b021",
        "tpe",
        "2.15.0",
        "bf16",
        "2 cores",
        "version: 1",
    ):
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
    hovered = [re.match(r"<b>(\w+)</b>", text)[1] for text in trace["hovertext"]]  # type: ignore[index]
    drawn = dict(zip(hovered, points(trace), strict=True))
    assert drawn.keys() == wanted.keys() >= {"as_mlp_t", "as_mlp_b", "swin_t", "mixer_s16"}
    assert all(text in ("", name) for text, name in zip(trace["text"], hovered, strict=True))
    assert {"as_mlp_t", "as_mlp_b"} <= set(trace["text"])
    for name, (macs, top1) in wanted.items():
        assert drawn[name][0] == macs
        if top1 is not None:
            assert drawn[name][1] == top1


def test_published_models_trained_here_bear_their_names(backbones: Run) -> None:
    page = read(backbones)
    trace = traces(page, "front")["published, trained here"]
    values = [backbones.records[n].values for n in (0, 1)]
    assert {"as_mlp_t", "as_mlp_s"} <= {note["text"] for note in page.figures["front"]["layout"]["annotations"]}
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


def test_twelve_of_twelve_images_are_no_certainty() -> None:
    manifest = build("x", data_facts={"images": {"val": 12}}, objectives={"top1": "maximize"})
    best = SimpleNamespace(values={"top1": 1.0})
    run: Any = SimpleNamespace(manifest=manifest, done=lambda: [best], best=lambda: best)
    assert "With 12 validation images, top-1 is known to ± 12.1 points" in wording.certainty(run)
