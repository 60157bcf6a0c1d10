"""run.json: every field is what its type says, or one message names it; credentials are not written."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas.errors import RunError
from mlpnas.exporters._card import card
from mlpnas.manifest import Manifest
from mlpnas.named import Named
from mlpnas.report import page, tables, wording
from mlpnas.run import Run
from mlpnas.training.recipe import Recipe
from tests.support import fake_runs
from tests.support.fake_runs import QUICK
from tests.support.manifests import with_fields
from tests.support.part_files import SPEC

SECRET = "mlpnas search --run 's3://KEY:SECRET@bucket/run?secret_key=SECRET&region=eu' --space quick"


def earlier() -> dict[str, Any]:
    """Return QUICK as earlier versions wrote it: all on one level."""
    known = QUICK.to_json()
    flat = {**known.pop("found"), **known.pop("decided"), **known.pop("asked"), **known}
    facts = {"data": QUICK.decided.data, "data_facts": QUICK.found.data}
    return {**flat, **facts, "trials": 24, "seconds": None, "trial_seconds": None, "sampler_options": {}, "asked": {}}


def read(folder: Path, **changes: Any) -> Manifest:
    (folder / "run.json").write_text(json.dumps({**earlier(), **changes}))
    return Manifest.read(folder)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("name", 5, "name: expected text, got 5"),
        ("name", None, "name: expected text, got None"),
        ("name", "\ud800", "name: .* is no text"),
        ("seed", "1", "seed: expected a whole number from 0 to .*; got '1'"),
        ("seed", 1.5, "seed: expected a whole number from 0 to .*; got 1.5"),
        ("seed", True, "seed: expected a whole number from 0 to .*; got True"),
        ("seed", -1, "seed: expected a whole number from 0 to .*; got -1"),
        ("seed", 10**400, "asked: .* is too large a number"),
        ("workers", None, "workers: expected a whole number, got None"),
        ("seconds", -3, "time: expected a number from 0 to 315360000; got -3"),
        ("seconds", float("inf"), "Infinity is no number"),
        ("fill", float("nan"), "NaN is no number"),
        ("sampler_options", {"stratify": [1]}, 'expected "name" or'),
        ("objectives", {}, "objectives: needs at least one"),
        ("objectives", ["top1"], "objectives: expected a mapping"),
        ("objectives", {"top1": "up"}, "objectives: a direction is maximize or minimize, not 'up'"),
        ("objectives", {"top1": 5}, "objectives.top1: expected text"),
        ("objectives", {"=cmd|x": "maximize"}, "'=cmd|x' is no name of an objective"),
        ("scores", {}, "scores: expected names, like top1,macs"),
        ("scores", [5], "scores: expected names, like"),
        ("fidelity", [3, 1], "fidelity: expected epochs, each more than the one before"),
        ("fidelity", ["3"], r"fidelity\[0\]: expected a whole number"),
        ("limits", {"macs": "1M"}, "limits.macs: expected a number, got '1M'"),
        ("reference", {"top1": None}, "reference.top1: expected a number"),
        ("image", {"depth": 3}, "image: expected whole numbers of channels and classes"),
        ("recipe", [], "recipe: expected a mapping"),
        ("data", {"path": "x"}, "data: 'source' is missing"),
        ("data", {"source": 5}, "data.source: expected text, got 5"),
        ("data", {"source": "x", "seed": "1"}, "data.seed: expected a whole number"),
        ("data_facts", {"mean": "<b>"}, "data.mean: expected a list, got '<b>'"),
        ("data_facts", {"std": ["<b>"]}, r"data.std\[0\]: expected a number, got '<b>'"),
        ("data_facts", {"classes": 10}, "data.classes: expected a list"),
        ("data_facts", {"images": {"val": "many"}}, "data.images.val: expected a whole number"),
        ("data_facts", {"images": {"__class__": 1}}, "data.images: '__class__' is no part of a data set"),
        ("versions", {"torch": 2}, "versions.torch: expected text, got 2"),
        ("notes", [["a"]], r"notes\[0\]: expected text"),
        ("notes", "x" * 10_000, "notes: expected a list, got 'xxx"),
        ("asked", {"workers": "two"}, "workers: expected a whole number"),
        ("id", "a b", "id: 'a b' is none"),
    ],
)
def test_a_field_of_another_type_is_named(tmp_path: Path, name: str, value: Any, why: str) -> None:
    with pytest.raises(
        RunError, match=rf"run\.json: not a run's manifest \((decided\.|found\.|asked: --|--)?{why}"
    ) as told:
        read(tmp_path, **{name: value})
    assert len(str(told.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"name": "x", "recipe": ' + '{"a":' * 900 + "1" + "}" * 901]
)
def test_a_manifest_that_nests_without_end_is_one_message(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json: not a run's manifest"):
        Manifest.read(tmp_path)


def test_a_manifest_of_an_earlier_version_reads(tmp_path: Path) -> None:
    """Fields that it does not have mean what they meant."""
    flat = earlier()
    for name in ("id", "asked", "image"):
        del flat[name]
    (tmp_path / "run.json").write_text(json.dumps({**flat, "workers": 0, "gpus_per_trial": 1, "seconds": 60}))
    found = Manifest.read(tmp_path)
    assert (found.id, found.found.image, found.decided.workers, found.decided.gpus_per_trial) == ("", {}, 0, 1)
    assert (found.asked.time, found.asked.budget, found.asked.sampler) == (60, ("3MMACs",), Named("tpe"))
    assert found.asked.recipe == Recipe.from_json(QUICK.decided.recipe)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SHOWN = st.sampled_from(sorted({*earlier()} - {"space_text"}))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(SHOWN, JSON, max_size=3))
def test_any_manifest_is_read_and_shown_or_is_one_message(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("run", numbered=True)
    try:
        read(folder, **changes)
    except RunError:
        return
    run = Run(folder)
    assert wording.answer(run)
    assert wording.certainty(run) == ""
    tables.settings(run), tables.facts(run)
    run.manifest.write(folder)
    assert Manifest.read(folder) == run.manifest


@pytest.mark.parametrize("flip", range(40))
def test_a_manifest_with_other_bytes_is_read_or_is_one_message(tmp_path: Path, flip: int) -> None:
    QUICK.write(tmp_path)
    content = bytearray((tmp_path / "run.json").read_bytes())
    content[flip * 7919 % len(content)] ^= 1 << flip % 8
    (tmp_path / "run.json").write_bytes(bytes(content))
    with suppress(RunError):
        Manifest.read(tmp_path)


def test_credentials_are_neither_written_nor_shown(tmp_path: Path) -> None:
    run = fake_runs.write(
        tmp_path, [fake_runs.record(0, SPEC, 0.9)], with_fields(QUICK, command=SECRET, notes=(SECRET,))
    )
    shown = [(tmp_path / "run.json").read_text(), page(run), card(run, run.best(), SPEC, True, "x", {})]
    assert [("SECRET" in text, "KEY:" in text) for text in shown] == [(False, False)] * 3
    assert all("bucket/run" in text for text in shown)
    old = json.loads((tmp_path / "run.json").read_text()) | {"command": SECRET, "notes": [SECRET]}
    (tmp_path / "run.json").write_text(json.dumps(old))  # as earlier versions wrote it
    run = Run(tmp_path)
    assert "SECRET" not in page(run) + card(run, run.best(), SPEC, True, "x", {})


def test_an_identity_stays(tmp_path: Path) -> None:
    run = QUICK.with_id()
    assert len(run.id) == 16
    assert run.with_id() == run
    assert QUICK.with_id().id != run.id
    run.write(tmp_path)
    assert Manifest.read(tmp_path).id == run.id
