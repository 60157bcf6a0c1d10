"""benchmarks/samplers.py: tables are replayed as they are, whatever is missing in them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.complete_table import QUESTIONS, rows

Replay = Callable[..., dict[str, Any]]
FEW = [row for row in rows() if row["depth"] == 1 and row["ratio"] == 1 and row["wide"] in (0, 1)]  # 12


@pytest.fixture
def replay(replays: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Return the command's result for a table."""

    def run(table: Path, sampler: str, *options: str, evals: int = 20, seeds: int = 2) -> dict[str, Any]:
        argv = ["samplers.py", "--table", str(table), "--questions", ",".join(QUESTIONS), "--maximize", "top1"]
        argv += ["--cost", "macs", "--sampler", sampler, "--evals", str(evals), "--seeds", str(seeds), "--json", "-"]
        monkeypatch.setattr(sys, "argv", [*argv, *options])
        replays.main()
        return json.loads(capsys.readouterr().out)

    return run


def _written(folder: Path, few: list[dict[str, object]]) -> Path:
    pq.write_table(pa.Table.from_pylist(few), folder / "table.parquet")
    return folder / "table.parquet"


@pytest.mark.parametrize("extra", [[], ["--cap-quantile", "0.3"], ["--cap-quantile", "0.3", "--workers", "4"]])
@pytest.mark.parametrize("name", ["random", "known_cost", "optuna_tpe_constraints"])
def test_a_replay_prints_its_results(replay: Replay, table_file: Path, name: str, extra: list[str]) -> None:
    found = replay(table_file, name, *extra)
    assert list(found) == ["sampler", "evals", "seeds", "regret", "hypervolume", "over_cap", "seconds_per_ask"]
    assert len(found["regret"]) == len(found["hypervolume"]) == 2
    assert min(found["regret"]) >= 0
    assert all(0 < share <= 1 for share in found["hypervolume"])
    assert found["over_cap"] == 0 or name.startswith("optuna")


def test_a_replay_at_low_fidelity_finds_more_for_the_same(replays: ModuleType, table: Any) -> None:
    replay = replays.Replay(table, {"macs": (0.0, 8e6)}, 0)
    replay.search("known_cost", 6, 1)
    assert 0 < len(replay.found) < 6  # some of the budget went to short trainings
    assert replay.regret() < 0.05


@pytest.mark.parametrize("extra", [[], ["--workers", "3"], ["--low-fidelity", "top1_short"]])
@pytest.mark.parametrize("name", ["random", "known_cost", "tpe", "optuna_tpe_constraints"])
def test_a_search_ends_where_no_new_row_is_left(replay: Replay, tmp_path: Path, name: str, extra: list[str]) -> None:
    found = replay(_written(tmp_path, FEW), name, *extra, evals=30, seeds=1)
    assert found["regret"] == [0.0]
    assert found["hypervolume"] == [1.0]


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("name", ["random", "known_cost", "tpe", "optuna_tpe_constraints"])
def test_a_row_without_a_value_is_a_training_that_failed(
    replay: Replay, tmp_path: Path, name: str, missing: float | None
) -> None:
    best = max(FEW, key=lambda row: row["top1"])
    found = replay(_written(tmp_path, [{**row, "top1": missing} if row is best else row for row in FEW]), name)
    assert found["regret"] == [0.0, 0.0]
    assert found["hypervolume"] == [1.0, 1.0]


def test_nan_in_a_question_says_that_it_is_not_asked(replays: ModuleType, tmp_path: Path) -> None:
    file = _written(tmp_path, [{**row, "heads": row["heads"] or float("nan")} for row in FEW])
    table = replays.Table(file, QUESTIONS, "top1", "macs", None)
    assert [question.labels for question in table.questions if question.path == "heads"] == [(1, 2, 4)]
    assert "heads" not in table.at(0).answers


@pytest.mark.parametrize("change", [{"top1": 0.5}, {"macs": 1e6}])
def test_a_table_where_all_are_alike(replay: Replay, tmp_path: Path, change: dict[str, float]) -> None:
    found = replay(_written(tmp_path, [{**row, **change} for row in FEW]), "known_cost")
    assert found["hypervolume"] == [1.0, 1.0]


def test_a_table_where_every_training_failed_is_not_searched(
    replays: ModuleType, replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(replays.Replay, "search", lambda *_: pytest.fail("searched"))
    with pytest.raises(SystemExit) as left:
        replay(_written(tmp_path, [{**row, "top1": float("nan")} for row in FEW]), "random")
    assert left.value.code == 2
    assert "the table has no top1 where macs is within the cap" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--questions", "nope"], "no column nope"),
        (["--maximize", "mixer"], "column mixer: numbers are needed"),
        (["--sampler", "nope"], "no sampler is called 'nope'"),
        (["--table", "nope.parquet"], "nope.parquet"),
        (["--table", __file__], "not a parquet file"),
        (["--cap-quantile", "30"], "30 is no share from 0 to 1"),
        (["--evals", "0"], "0 is no whole number from 1 on"),
    ],
)
def test_problems_are_reported(
    replay: Replay, table_file: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        replay(table_file, "random", *options)
    assert left.value.code == 2
    assert message in capsys.readouterr().err
