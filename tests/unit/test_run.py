"""A run folder, read: manifest, front, best, knee, and one clear error for what is no run."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.record import Record
from mlpnas.run import Run, locate
from mlpnas.spec import ArchSpec, Layer, Stage
from mlpnas.store import Store
from tests.support.manifests import manifest as build

SPEC = ArchSpec((Stage(16, 2, Layer.of("axial_shift", shift_size=5)),), input_size=28, classes=10)
MANIFEST = build(
    "tiny",
    command="mlpnas search --space quick.yaml",
    seed=3,
    objectives={"top1": "maximize", "macs": "minimize"},
    reference={"top1": 0.0, "macs": 10e6},
    notes=("recipe: tiny", "data: digits"),
)


def record(trial: int, top1: float | None, macs: float, **changes: object) -> Record:
    values = {"macs": macs} | ({} if top1 is None else {"top1": top1})
    given: Mapping[str, object] = {"status": "done", "values": values} | changes
    return Record(trial, SPEC.key, SPEC.dumps(), {}, **given)  # type: ignore[arg-type]


def write(folder: Path, *records: Record, manifest: Manifest = MANIFEST) -> Run:
    folder.mkdir(exist_ok=True)
    manifest.write(folder)
    for item in records:
        Store(folder).append(item)
    return Run(folder)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write(
        tmp_path / "tiny",
        record(0, 0.92, 10e6),
        record(1, 0.90, 2e6),
        record(2, 0.50, 1e6),
        record(3, 0.60, 3e6),
        record(4, None, 1e5, status="diverged", error="loss is nan"),
        record(5, 0.99, 1e5, status="stopped"),
        record(6, 0.90, 2e6, origin="duplicate"),
        record(7, float("nan"), 1e4),
        record(8, None, 1e4),
    )


def test_manifest_comes_back(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)
    assert Manifest.read(tmp_path) == MANIFEST


def test_front_holds_finished_distinct_trials_cheapest_first(run: Run) -> None:
    assert [item.trial for item in run.done()] == [0, 1, 2, 3]
    assert [item.trial for item in run.front()] == [2, 1, 0]


def test_best_knee_and_trial(run: Run) -> None:
    assert [run.pick(which).trial for which in ("best", "knee", "3", "6")] == [0, 1, 3, 6]
    assert run.spec(run.best()) == SPEC


def test_best_of_equals_is_the_cheapest(tmp_path: Path) -> None:
    assert write(tmp_path, record(0, 0.9, 5e6), record(1, 0.9, 4e6)).best().trial == 1


def test_best_follows_the_direction(tmp_path: Path) -> None:
    manifest = build("loss", objectives={"loss": "minimize"})
    records = [record(n, None, 1e6, values={"loss": loss}) for n, loss in enumerate([2.0, 1.0, 3.0])]
    assert write(tmp_path, *records, manifest=manifest).best().trial == 1


def test_hypervolume_against_the_stored_reference(run: Run) -> None:
    wanted = 0.5 * 0.9 + 0.4 * 0.8  # top1 0.5 from 1 M on, 0.4 more from 2 M on; at 10 M nothing is left of the budget
    assert run.hypervolume() == pytest.approx(wanted)


def test_hypervolume_needs_a_reference_and_a_trial(tmp_path: Path) -> None:
    without = build("none", objectives={"top1": "maximize", "macs": "minimize"}, reference={"top1": 0})
    assert write(tmp_path / "a", record(0, 0.9, 1e6), manifest=without).hypervolume() == 0
    assert write(tmp_path / "b").hypervolume() == 0


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("9", r"no trial '9'; write best, knee or a trial number \(0 to 8\)"),
        ("first", "no trial 'first'"),
        ("4", r"trial 4 has not finished \(diverged\)"),
    ],
)
def test_pick_says_what_may_be_picked(run: Run, which: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        run.pick(which)


@pytest.mark.parametrize("which", ["best", "knee"])
def test_nothing_to_pick_yet(tmp_path: Path, which: str) -> None:
    with pytest.raises(RunError, match="no finished trial yet"):
        write(tmp_path).pick(which)


def test_seconds_count_side_by_side_trials_once_and_no_pause(tmp_path: Path) -> None:
    spans = [(100.0, 110.0), (102.0, 104.0), (105.0, 120.0), (500.0, 501.0)]
    records = [record(n, 0.5, 1e6, started=start, finished=end) for n, (start, end) in enumerate(spans)]
    assert write(tmp_path / "a", *records).seconds() == 21
    assert write(tmp_path / "b").seconds() == 0


def test_tables_are_arrow(run: Run) -> None:
    assert run.trials().num_rows == 9
    assert {"trial", "key", "spec", "status", "top1", "macs"} <= set(run.trials().column_names)
    assert run.epochs().num_rows == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "{",
        '{"name": "x"}',
        '{"name": "x", "objectives": 5}',
        '{"name": "x", "objectives": {"top1": "up"}}',
        '{"name": "x", "data": []}',
        '{"name": "x", "notes": 7}',
        "\xff",
    ],
)
def test_a_broken_manifest_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"run\.json: not a run's manifest"):
        Run(tmp_path)


def test_no_run_says_how_to_list_them(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run here.*`mlpnas runs` lists the runs"):
        Run(tmp_path / "missing")


def test_a_manifest_of_a_later_version_reads(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps({"name": "x", "objectives": MANIFEST.decided.objectives, "colour": "blue"})
    )
    assert Manifest.read(tmp_path) == build("x", objectives=MANIFEST.decided.objectives)


def test_names_live_under_runs_and_paths_where_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLPNAS_RUNS", raising=False)
    assert locate("quick") == Path("runs/quick")
    assert locate("./quick") == Path("quick")
    assert locate(".") == Path()
    assert locate(tmp_path / "quick") == tmp_path / "quick"
    write(tmp_path / "here")
    assert locate("here") == Path("here")
    monkeypatch.setenv("MLPNAS_RUNS", str(tmp_path / "all"))
    assert locate("quick") == tmp_path / "all" / "quick"
