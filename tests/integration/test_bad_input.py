"""Whatever is wrong with the input: one short message, exit code 2, no traceback, nothing written."""

import json
import re
import sys
from pathlib import Path

import pytest

from mlpnas.cli import main

QUICK = ["search", "--space", "quick", "--data", "digits", "--backend", "local"]

BROKEN_SPACES = {
    "empty.yaml": "",
    "list.yaml": "- 1",
    "typo.yaml": "version: 1\nname: a\nwidht: 16\nstages: {count: 1, each: {depth: 1, mixer: gmlp}}",
    "mixer.yaml": "version: 1\nname: a\nwidth: 16\nstages: {count: 1, each: {depth: 1, mixer: glmp}}",
    "tabs.yaml": "version: 1\n\tname: a",
    "binary.yaml": b"\xff\xfe\x00\x01",
    "grid.yaml": "version: 1\nname: a\nwidth: 16\ninput: {size: 30}\nstem: {patch: 4}\n"
    "stages: {count: 1, each: {depth: 1, mixer: gmlp}}",
}

CASES = {
    "space: empty": (["space", "check", "empty.yaml"], "the file is empty"),
    "space: a list": (["space", "check", "list.yaml"], "expected a mapping"),
    "space: a typo": (["space", "show", "typo.yaml"], "did you mean width?"),
    "space: a mixer": (["space", "sample", "mixer.yaml"], "did you mean gmlp?"),
    "space: tabs": (["space", "check", "tabs.yaml"], "not valid YAML"),
    "space: no text": (["space", "check", "binary.yaml"], "is not UTF-8 text"),
    "space: a grid": (["search", "--space", "grid.yaml"], "patch 4 does not divide"),
    "space: missing": (["search", "--space", "nowhere.yaml"], "shipped spaces: asmlp, isotropic, quick"),
    "space: none": (["search"], "--space quick"),
    "budget: no unit": ([*QUICK, "--budget", "15"], "has no unit"),
    "budget: a wrong unit": ([*QUICK, "--budget", "15GHz"], "no unit of a budget"),
    "budget: negative": ([*QUICK, "--budget=-1GFLOPs"], "not a positive number"),
    "budget: zero": ([*QUICK, "--budget", "0MMACs"], "above zero"),
    "budget: words": (["space", "sample", "quick", "--budget", "cheap"], "not a positive number"),
    "budget: infeasible": ([*QUICK, "--budget", "1kMACs"], "the cheapest has"),
    "budget: two that clash": ([*QUICK, "--budget", "40MMACs", "--budget", "4kparams", "--fill", "0.9"], "together"),
    "fill": ([*QUICK, "--fill", "1.5"], "--fill: expected a number from 0 to 1; got 1.5"),
    "trials: zero": ([*QUICK, "--trials", "0"], "--trials 0"),
    "trials: words": ([*QUICK, "--trials", "many"], "expected a number like 24"),
    "time": ([*QUICK, "--time", "30"], "has no unit of time"),
    "sampler": ([*QUICK, "--sampler", "tpee"], "did you mean tpe?"),
    "objective": ([*QUICK, "--objectives", "top1,mac"], "did you mean macs?"),
    "objectives: twice": ([*QUICK, "--objectives", "top1,top1"], "name each once"),
    "backend": (["search", "--space", "quick", "--backend", "slurm"], "known: local, ray"),
    "workers: none": ([*QUICK, "--workers", "0"], "--workers: expected a whole number from 1 to 10000; got 0"),
    "workers: too many": ([*QUICK, "--workers", "99999999999"], "from 1 to 10000"),
    "seed: too large": ([*QUICK, "--seed", "9" * 30], "--seed: expected a whole number from 0 to"),
    "trials: no plain digits": ([*QUICK, "--trials", "\u00b2"], "expected a number like 24"),
    "time: beyond any clock": ([*QUICK, "--time", "1e308h"], "too large"),
    "workers": ([*QUICK, "--workers", "4"], "one trial at a time"),
    "address: nobody there": ([*QUICK[:5], "--recipe", "smoke", "--address", "127.0.0.1:1"], "no Ray cluster answers"),
    "address: no port": ([*QUICK[:5], "--recipe", "smoke", "--address", "cluster"], "write HOST:PORT"),
    "recipe: missing": ([*QUICK, "--recipe", "nowhere.json"], "nowhere.json: no such file"),
    "recipe: broken": ([*QUICK, "--recipe", "broken.json"], "broken.json: line 1"),
    "recipe: a typo": ([*QUICK, "--recipe", "typo.json"], "did you mean epochs?"),
    "data: unknown": (["search", "--space", "quick", "--data", "mnist6k"], "no such data set or path"),
    "data: an empty folder": (["search", "--space", "quick", "--data", "empty"], "empty"),
    "data: a broken Parquet file": (["search", "--space", "quick", "--data", "broken.parquet"], "broken.parquet"),
    "run: missing": (["front", "nowhere"], "no run here"),
    "run: a file": (["report", "./broken.json"], "no run"),
    "run: a broken manifest": (["front", "./broken"], "not a run's manifest"),
    "run: in use by something else": ([*QUICK, "--run", "./busy"], "not empty and no run"),
    "resume: without a run": (["search", "--resume"], "--resume needs --run"),
    "resume: nothing there": (["search", "--resume", "--run", "nowhere"], "no run here"),
    "export: no such run": (["export", "nowhere", "--to", "model"], "no run here"),
    "cost: an unknown model": (["cost", "as_mlp_x"], "as_mlp"),
    "cost: no spec": (["cost", "broken.json"], "JSON"),
    "cost: a size": (["cost", "as_mlp_t", "--size", "100"], "even grid"),
    "show: an unknown model": (["show", "as_mlp_x"], "no published model"),
    "show: no spec": (["show", "broken.json", "--json"], "not JSON"),
    "show: a size": (["show", "as_mlp_t", "--size", "100", "--png", "field.png"], "even grid"),
    "show: too large a size": (["show", "vit_s16", "--size", "4096", "--png", "field.png"], "give a smaller --size"),
    "show: no such run": (["show", "nowhere:3"], "no run here"),
    "compare: one network": (["compare", "as_mlp_t"], "give two or more"),
    "compare: an unknown model": (["compare", "as_mlp_t", "broken.json"], "not JSON"),
    "compare: a run without a trial": (["compare", "broken", "as_mlp_t"], "write broken:best"),
    "compare: no such run": (["compare", "nowhere", "--by", "mixer"], "no run here"),
    "compare: a broken run": (["compare", "./broken:best", "as_mlp_t"], "not a run's manifest"),
    "compare: two runs by one question": (["compare", "a", "b", "--by", "mixer"], "of one run"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in BROKEN_SPACES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "typo.json").write_text(json.dumps({"epoch": 3}))
    (tmp_path / "broken.parquet").write_text("no parquet")
    (tmp_path / "empty").mkdir()
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "thesis.tex").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("[1")
    return tmp_path


def _listing(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, words = CASES[case]
    before = _listing(folder)
    monkeypatch.setattr(sys, "argv", ["mlpnas", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    told = capsys.readouterr()
    assert stopped.value.code == 2, told
    assert words in told.err
    assert "Traceback" not in told.err
    assert not re.search(r"\[['\"]|\{'|\('|\(\)|\bNone\b|\bTrue\b|\bFalse\b", told.err)  # Python's, not a sentence's
    assert len(told.err.splitlines()) <= 5
    assert _listing(folder) == before


@pytest.mark.parametrize(
    "arguments", [["space", "sample", "quick", "--count", "0"], ["cost"], ["nonsense"], ["search", "--x"]]
)
def test_what_the_parser_refuses(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mlpnas", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
