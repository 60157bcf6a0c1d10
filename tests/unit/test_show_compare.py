"""mlpnas show and compare: what they print of networks and trials, and the figure."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpnas.cli import main
from mlpnas.commands._parts import describe_fit, parts, total
from mlpnas.commands.show import _bar
from mlpnas.costs import cost
from mlpnas.published import find_spec, names
from mlpnas.report.receptive_field import NOWHERE, RAMP, crop_to_centre, palette, percent, picture, strength
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support import fake_runs

Cli = Callable[..., str]

SMALL = ArchSpec(
    (
        Stage(16, 2, Layer.of("axial_shift", shift_size=3), 2, Layer("group")),
        Stage(32, 1, Layer("gmlp"), 0, layer_scale=0.1),
    ),
    Stem(4, Layer("layer")),
    56,
    classes=10,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose networks were asked for their pool, a question of some of them only."""
    folder = tmp_path_factory.mktemp("runs")
    run = fake_runs.quick(folder / "quick")
    told = [
        replace(r, answers={"width": r.answers["width"], **({"head.bias": n % 4 == 0} if n % 2 == 0 else {})})
        for n, r in enumerate(run.records)
    ]
    fake_runs.write(folder / "asked", told)
    fake_runs.write(folder / "few", told[:1])
    fake_runs.write(folder / "empty")
    return folder


@pytest.fixture
def cli(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs one command line in this process, in a folder with small.json: what it prints, or its one-line error."""
    monkeypatch.setenv("MLPNAS_RUNS", str(runs))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.json").write_text(SMALL.dumps())

    def call(*arguments: str, fails: bool = False) -> str:
        monkeypatch.setattr(sys, "argv", ["mlpnas", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert stop.value.code == (2 if fails else 0), err
        assert not (out if fails else err)
        return err if fails else out

    return call


@pytest.mark.parametrize("name", ["as_mlp_t", "vit_s16", "deit_ti_distilled", "resmlp_s12", "swin_t"])
def test_parts_add_up(name: str) -> None:
    spec = find_spec(name)
    found = parts(spec)
    assert total(found) == cost(spec)
    assert [part.name for part in found] == ["stem", *(f"stage {n + 1}" for n in range(len(spec.stages))), "head"]


def test_parts_in_words() -> None:
    stem, first, second, head = parts(SMALL)
    assert (stem.layers, stem.details) == ("patches of 4x4", "layer norm")
    assert (first.layers, first.details) == ("2 x axial_shift", "shift_size 3, dilation 1, group norm, MLP x2")
    assert second.details == "ratio 6, layer norm, no channel MLP, layer scale 0.1, merge before"
    assert (head.layers, head.details) == ("mean of tokens to 10 classes", "layer norm")


def test_which_inputs_the_weights_fit() -> None:
    assert describe_fit(find_spec("as_mlp_t")) == "weights fit all inputs whose sides are multiples of 32"
    assert describe_fit(find_spec("swin_t")) == "weights fit all inputs whose sides are multiples of 224"
    assert describe_fit(find_spec("vit_s16")).endswith("multiples of 16, once the position table is resampled")
    assert describe_fit(SMALL) == "weights fit 56x56 alone: stage 2 (gmlp)"


@pytest.mark.parametrize("name", [name for name in names() if "swin" in name or name.startswith(("as_mlp", "vit_s"))])
def test_networks_fit_the_reported_sizes(name: str) -> None:
    spec = find_spec(name)
    if "multiples of" in (words := describe_fit(spec)):
        assert cost(spec.at(2 * int(words.split("multiples of ")[1].split(",")[0]))).macs


@pytest.mark.parametrize(
    ("share", "bar"), [(0, ""), (1, "██████"), (0.5, "███"), (0.01, ""), (0.02, "▏"), (0.25, "█▌")]
)
def test_bars(share: float, bar: str) -> None:
    assert _bar(share) == bar


def test_show(cli: Cli) -> None:
    name, sizes, memory, blank, *table = cli("show", "small.json").splitlines()
    assert name == f"small.json (key {SMALL.key})"
    assert sizes == "input 3x56x56; weights fit 56x56 alone: stage 2 (gmlp)"
    assert memory.startswith("for one image ")
    assert blank == ""
    assert table[0].split() == ["part", "grid", "width", "layers", "params", "MACs", "sees", "95", "%", "in"]
    assert table[1].split()[:6] == ["stem", "14x14", "16", "patches", "of", "4x4"]
    assert table[3].split()[:6] == ["stage", "1", "14x14", "16", "2", "x"]
    assert "20x20 (6.6 %)" in table[3]  # a diamond of 13 tokens
    assert table[4] == "         shift_size 3, dilation 1, group norm, MLP x2"
    assert "56x56 (100 %)" in table[5]
    assert table[-1].split()[0] == "total"
    assert max(map(len, table)) < 110


def test_show_a_published_model_at_another_size(cli: Cli) -> None:
    assert "top-1 on ImageNet-1k as printed" in cli("show", "resmlp_s12").splitlines()[0]
    assert "as printed" not in cli("show", "resmlp_s12", "--size", "64")


def test_show_for_machines(cli: Cli) -> None:
    told = json.loads(cli("show", "small.json", "--json"))
    known = cost(SMALL)
    assert (told["params"], told["macs"], told["resolution"]) == (known.params, known.macs, "fixed")
    assert ArchSpec.from_json(told["spec"]) == SMALL
    assert [part["grid"] for part in told["parts"]] == [[14, 14, 0], [14, 14, 0], [7, 7, 0], None]
    assert [part.get("sees", {}).get("box") for part in told["parts"]] == [None, [20, 20], [56, 56], None]


def test_show_a_trial(cli: Cli, runs: Path) -> None:
    best = Run(runs / "quick").best()
    assert json.loads(cli("show", "quick:best", "--json"))["key"] == best.key
    assert json.loads(cli("show", f"{runs / 'quick'}:{best.trial}", "--json"))["top1_proxy"] == best.values["top1"]
    words = f"{100 * best.values['top1']:.1f} % top-1 of its proxy on mnist5k val"
    assert words in cli("show", "quick:best").splitlines()[0]
    assert "give one of them" in cli("show", "quick:front", fails=True)
    assert "has not finished (diverged)" in cli("show", "quick:9", fails=True)
    assert "write quick:best" in cli("show", "quick", fails=True)


def test_show_without_fields_where_they_cost_too_much(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpnas.commands.show._MACS", 1e3)
    assert "(100 %)" not in cli("show", "small.json")


@pytest.mark.parametrize("model", ["small.json", "quick:best"])
def test_figure(cli: Cli, tmp_path: Path, model: str) -> None:
    cli("show", model, "--png", str(tmp_path / "field.png"))
    pixels = np.asarray(Image.open(tmp_path / "field.png").convert("RGB")).astype(int)
    assert pixels.shape[0] > 600
    assert pixels.shape[1] > 1000
    blue = (pixels[..., 2] - pixels[..., 0]) > 60
    assert 0.01 < blue.mean() < 0.7
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".png"] == ["field.png"]


def test_figure_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    assert "--png no/field.png: cannot be written" in cli("show", "small.json", "--png", "no/field.png", fails=True)
    assert "cannot be written" in cli("show", "small.json", "--png", str(tmp_path), fails=True)


def test_shades() -> None:
    field = np.array([[1, 0.1, 1e-3], [1e-9, 0, 0.5]])
    assert np.nan_to_num(strength(field), nan=-1)[0].tolist() == pytest.approx([1, 2 / 3, 0])
    assert strength(field)[1, 0] == 0  # weaker than the scale, but not nowhere
    assert np.isnan(strength(field)[1, 1])
    colours = ["#" + bytes(shade).hex() for shade in palette()[[0, 1, 255]]]
    assert colours == [NOWHERE, RAMP[0], RAMP[-1]]
    assert picture(field).startswith("data:image/png;base64,")


def test_crop_to_centre_follows_what_is_strong() -> None:
    field = np.full((56, 40), 1e-3)
    field[28, 20] = 1
    assert crop_to_centre(field).shape == (15, 15)
    field[28, 4:37] = 0.5
    assert crop_to_centre(field).shape == (35, 35)
    assert crop_to_centre(np.ones((7, 7))).shape == (7, 7)


@pytest.mark.parametrize(("share", "words"), [(1, "100 %"), (0.9999, "99 %"), (0.0105, "1.1 %"), (0.11, "11 %")])
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


def test_compare(cli: Cli, runs: Path) -> None:
    head, *lines = cli("compare", "small.json", "resmlp_s12", "quick:best").splitlines()
    best = Run(runs / "quick").best()
    assert head.split() == ["small.json", "resmlp_s12", f"quick:{best.trial}"]
    rows = {line[:27].strip(): line[27:] for line in lines}
    assert rows["top-1 printed, ImageNet-1k"].split()[0] == "-"
    assert rows["top-1 printed, ImageNet-1k"].split()[-1] == "-"
    assert rows["top-1 of the proxy"].split()[:2] == ["-", "-"]
    assert f"{100 * best.values['top1']:.1f} % on mnist5k val" in rows["top-1 of the proxy"]
    assert rows["resolution"].split()[:2] == ["fixed", "fixed"]
    assert rows["stage 2"].split()[-2:] == ["-", "-"]
    assert "2 x axial_shift, 14x14x16" in rows["stage 1"]
    assert rows["stage 2 MACs"].split()[-2:] == ["-", "-"]


def test_compare_a_front(cli: Cli, runs: Path) -> None:
    told = json.loads(cli("compare", "quick:front", "--json"))
    front = Run(runs / "quick").front()
    assert [model["key"] for model in told] == [record.key for record in front]
    assert [model["top1_proxy"] for model in told] == [record.values["top1"] for record in front]
    assert {model["data"] for model in told} == {"mnist5k"}


def test_compare_at_one_size(cli: Cli) -> None:
    told = json.loads(cli("compare", "as_mlp_t", "resmlp_s12", "--size", "64", "--json"))
    assert [model["input_size"] for model in told] == [64, 64]
    assert [model["top1_printed"] for model in told] == [None, None]


def test_trials_by_an_answer(cli: Cli, runs: Path) -> None:
    told = json.loads(cli("compare", "asked", "--by", "bias", "--by", "width", "--json"))
    done = {record.trial: record for record in Run(runs / "asked").done()}
    assert (told["objective"], told["fields"], len(told["edges"])) == ("top1", ["bias", "width"], 2)
    assert {group["answers"][0] for group in told["groups"]} == {"true", "false", "not asked"}
    assert sum(group["all"]["trials"] for group in told["groups"]) == len(done)
    best = [group["all"]["best"] for group in told["groups"]]
    known = [value for value in best if value is not None]
    assert known == sorted(known, reverse=True)
    assert best[len(known) :] == [None] * (len(best) - len(known))
    for group in told["groups"]:
        assert sum(cell["trials"] for cell in group["bins"]) == group["all"]["trials"]
        if trial := group["all"]["best_trial"]:
            assert done[trial].values["top1"] == group["all"]["best"]
            assert str(done[trial].answers["width"]) == group["answers"][1]


def test_like_cost_is_compared_with_like(cli: Cli, runs: Path) -> None:
    told = json.loads(cli("compare", "asked", "--by", "mixer", "--json"))
    edges = [0, *told["edges"], float("inf")]
    done = {record.trial: record for record in Run(runs / "asked").done()}
    for group in told["groups"]:
        for low, high, cell in zip(edges, edges[1:], group["bins"], strict=False):
            assert cell["trials"] == 0 or low < done[cell["best_trial"]].values["macs"] <= high


def test_trials_by_an_answer_as_a_table(cli: Cli) -> None:
    table, legend = cli("compare", "asked", "--by", "mixer", "--by", "pool").split("\n\n")
    head, *lines = table.splitlines()
    assert head.split()[:7] == ["mixer", "pool", "trials", "best", "top-1", "trial", "median"]
    assert lines[0].startswith("axial_shift")
    assert any(" - " in line for line in lines)  # no trial at that cost
    assert "top-1 of the proxy on mnist5k val" in legend
    assert "With 800 validation images" in " ".join(legend.split())


def test_one_trial_has_no_bins(cli: Cli) -> None:
    head, line = cli("compare", "few", "--by", "position_embedding").split("\n\n")[0].splitlines()
    assert head.split() == ["position_embedding", "trials", "best", "top-1", "trial", "median"]
    assert line.split()[:2] == ["false", "1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("asked", "--by", "widht"), "no question is called 'widht' - did you mean width?"),
        (("empty", "--by", "mixer"), "no finished trial yet"),
        (("asked", "--by", "mixer", "--size", "32"), "without --size"),
        (("asked:best",), "one network; give two or more"),
        (("asked:99", "as_mlp_t"), "no trial '99'"),
    ],
)
def test_compare_refuses(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    assert said in cli("compare", *arguments, fails=True)
