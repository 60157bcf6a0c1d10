"""benchmarks/train_table.py: a table of this project's own networks, which the replays read."""

import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest

from mlpnas.space.space import SearchSpace
from mlpnas.training.recipe import Recipe

TABLE = Path(__file__).parents[2] / "benchmarks" / "vision_mlp_table.parquet"
SPACE = """\
version: 1
name: few
input: {size: 8, channels: 1, classes: 10}
stem: {patch: 2}
width: {choose: [8, 10]}
stages:
  count: 1
  each: {depth: 1, mixer: {choose: {axial_shift: {shift_size: {choose: [3, 5]}}, pooling: {}}}}
"""  # of six, shifts of 5 do not fit a width of 8


@pytest.fixture
def main(train_table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """The command, in this process, on a space of few networks."""
    (tmp_path / "few.yaml").write_text(SPACE)
    monkeypatch.setattr(train_table, "RECIPE", Recipe(epochs=2, samples=200))
    monkeypatch.setattr(train_table, "ProcessPoolExecutor", Here)

    def run(*more: str) -> None:
        argv = ["train_table.py", "--space", str(tmp_path / "few.yaml"), "--data", "digits"]
        monkeypatch.setattr(sys, "argv", [*argv, "--out", str(tmp_path / "table.parquet"), *more])
        train_table.main()

    return run


class Here:
    """A stand-in for a pool."""

    def __init__(self, *how: object) -> None:
        self.map = map

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *error: object) -> None: ...


def test_every_network_that_can_be_built_is_trained_once(main, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    main()
    rows = pq.read_table(tmp_path / "table.parquet").to_pylist()
    assert len(rows) == SearchSpace(SPACE).tables.count() == 5
    assert {(row["width"], row["stage1.mixer"], row["stage1.mixer.axial_shift.shift_size"]) for row in rows} == {
        (8, "axial_shift", 3),
        (8, "pooling", None),
        (10, "axial_shift", 3),
        (10, "axial_shift", 5),
        (10, "pooling", None),
    }
    assert all(0 < row["top1_first"] <= 100 and 0 < row["top1"] <= 100 and row["macs"] > 0 for row in rows)


def test_what_was_trained_is_not_trained_again(
    main,  # type: ignore[no-untyped-def]
    train_table: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main()
    before = pq.read_table(tmp_path / "table.parquet").to_pylist()
    pq.write_table(pq.read_table(tmp_path / "table.parquet").slice(0, 3), tmp_path / "table.parquet")
    trained, number = train_table.trained, []
    monkeypatch.setattr(train_table, "trained", lambda *asked: number.append(1) or trained(*asked))
    main()
    assert len(number) == 2
    assert pq.read_table(tmp_path / "table.parquet").to_pylist() == before  # the same seed, the same result
    main()
    assert len(number) == 2


def test_the_replays_read_it(main, replays: ModuleType, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    main()
    questions = [question.path for question in SearchSpace(SPACE).questions]
    table = replays.Table(tmp_path / "table.parquet", questions, "top1", "macs", "top1_first")
    assert len(table.values) == 5
    assert (table.level.codes[:, questions.index("stage1.mixer.axial_shift.shift_size")] == -1).sum() == 2


def test_another_table_is_left_as_it_is(main, table_file: Path) -> None:  # type: ignore[no-untyped-def]
    before = table_file.read_bytes()
    with pytest.raises(SystemExit, match="2"):
        main("--out", str(table_file))
    assert table_file.read_bytes() == before


def test_the_table_that_ships_is_all_of_its_space(replays: ModuleType) -> None:
    space = SearchSpace.load(TABLE.with_suffix(".yaml"))
    questions = [question.path for question in space.questions]
    rows = pq.read_table(TABLE)
    assert rows.column_names == [*questions, "top1", "top1_first", "macs", "params"]
    assert rows == rows.sort_by([(path, "ascending") for path in questions])
    table = replays.Table(TABLE, questions, "top1", "macs", "top1_first")
    assert len(table.values) == space.tables.count()
    assert space.range("macs") == table.range("macs")


def test_half_of_the_trainings_do_on_vision_mlps(replays: ModuleType) -> None:
    """Within a cap, against Optuna's TPE as one would write it; five searches each."""
    questions = [question.path for question in SearchSpace.load(TABLE.with_suffix(".yaml")).questions]
    table = replays.Table(TABLE, questions, "top1", "macs", None)

    def behind(sampler: str, evals: int) -> float:
        options = Namespace(sampler=sampler, evals=evals, seeds=5, workers=1, cap_quantile=0.25)
        return sum(replays.measure(table, options)["regret"])

    assert behind("known_cost", 60) < behind(replays.CONTROL, 120)


def test_a_space_that_is_not_there_is_one_message(main, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit, match="2"):
        main("--space", "nowhere.yaml")
    assert "nowhere.yaml" in capsys.readouterr().err
