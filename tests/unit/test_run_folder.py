"""A run folder belongs to one search, and must stay where it is while it is searched."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mlpnas.engine import search as search_module
from mlpnas.engine.run_folder import folder as folder_module
from mlpnas.engine.search import search
from mlpnas.errors import MlpnasError, RunError
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.training.recipe import Recipe

FAST: dict[str, Any] = {
    "space": "quick",
    "budget": "500kMACs",
    "data": "digits",
    "backend": "local",
    "objectives": "macs,params",
    "recipe": Recipe(epochs=1, samples=100, warmup_epochs=0),
    "trials": 3,
}


class Killed(BaseException):
    pass


@pytest.mark.parametrize("file", ["run.json", "space.yaml"])
def test_a_crash_at_the_begin_leaves_a_folder_that_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if file == "run.json":
            patch.setattr("mlpnas.manifest.Manifest.write", killed)
        else:
            patch.setattr(search_module, "write_text", killed)
        with pytest.raises(Killed):
            search(run=tmp_path / "run", **FAST)
    if file == "space.yaml":
        assert len(search(run=tmp_path / "run", resume=True).records) == 3
    else:
        assert len(search(run=tmp_path / "run", **FAST).records) == 3


def test_a_space_alone_is_no_obstacle_if_it_is_this_one(tmp_path: Path) -> None:
    """Earlier versions wrote it first, and a user may have put it there."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "space.yaml").write_text(SearchSpace.load("quick").text)
    search(run=tmp_path / "run", **FAST)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "space.yaml").write_text("my work of a day")
    with pytest.raises(RunError, match="is of another space"):
        search(run=tmp_path / "other", **FAST)
    assert (tmp_path / "other" / "space.yaml").read_text() == "my work of a day"


def _at_the_second_trial(do: Any) -> Any:
    seen: list[Any] = []

    def listen(event: Any) -> None:
        seen.append(event)
        if event["event"] == "trial" and sum(one["event"] == "trial" for one in seen) == 2:
            do()

    return listen


def test_moving_the_folder_ends_the_search_and_keeps_trials(tmp_path: Path) -> None:
    there = tmp_path / "elsewhere" / "run"
    there.parent.mkdir()

    def move() -> None:
        (tmp_path / "run").rename(there)

    with pytest.raises(RunError) as told:
        search(run=tmp_path / "run", listener=_at_the_second_trial(move), **FAST)
    assert f"was moved to {there}" in str(told.value)
    assert f"--resume --run {there}" in str(told.value)
    assert not (tmp_path / "run").exists()
    assert len(Run(there).records) == 3  # the last one was written after the move
    assert len(search(run=there, resume=True, trials="+1").records) == 4


def test_deleting_the_folder_ends_the_search_for_good(tmp_path: Path) -> None:
    def delete() -> None:
        shutil.rmtree(tmp_path / "run")

    with pytest.raises(RunError, match="was deleted while it was searched"):
        search(run=tmp_path / "run", listener=_at_the_second_trial(delete), **FAST)
    assert not (tmp_path / "run").exists()


def test_weights_do_not_make_a_deleted_folder_again(tmp_path: Path) -> None:
    trained = {**FAST, "objectives": "top1,macs"}

    def delete() -> None:
        shutil.rmtree(tmp_path / "run")

    with pytest.raises(RunError, match="was deleted while it was searched"):
        search(run=tmp_path / "run", listener=_at_the_second_trial(delete), **trained)
    assert not (tmp_path / "run").exists()


def test_emptying_the_folder_ends_the_search_for_good(tmp_path: Path) -> None:
    def empty() -> None:
        shutil.rmtree(tmp_path / "run" / "trials")
        (tmp_path / "run" / "run.json").unlink()

    with pytest.raises(RunError, match=r"run\.json: was deleted while it was searched, so the search has stopped$"):
        search(run=tmp_path / "run", listener=_at_the_second_trial(empty), **FAST)
    assert not (tmp_path / "run" / "trials").exists()


def test_deleting_the_manifest_ends_the_search_and_keeps_trials(tmp_path: Path) -> None:
    def delete() -> None:
        (tmp_path / "run" / "run.json").unlink()

    with pytest.raises(RunError, match=r"run\.json: was deleted while it was searched, .* written again: go on with"):
        search(run=tmp_path / "run", listener=_at_the_second_trial(delete), **FAST)
    assert len(Run(tmp_path / "run").records) == 3
    assert len(search(run=tmp_path / "run", resume=True, trials="+1").records) == 4


def test_a_manifest_that_is_deleted_at_the_end_is_written_again(tmp_path: Path) -> None:
    def delete(event: Any) -> None:
        if event["event"] == "trial" and event["trial"] == 2:
            (tmp_path / "run" / "run.json").unlink()

    with pytest.raises(RunError, match="written again"):
        search(run=tmp_path / "run", listener=delete, **FAST)
    assert len(Run(tmp_path / "run").records) == 3


def test_trials_that_are_deleted_end_the_search(tmp_path: Path) -> None:
    def delete() -> None:
        shutil.rmtree(tmp_path / "run" / "trials")

    with pytest.raises(RunError, match="trials: was deleted while the run was searched"):
        search(run=tmp_path / "run", listener=_at_the_second_trial(delete), **FAST)


def test_another_folder_in_its_place_ends_the_search(tmp_path: Path) -> None:
    def swap() -> None:
        (tmp_path / "run").rename(tmp_path / "old")
        shutil.copytree(tmp_path / "old", tmp_path / "run")

    with pytest.raises(RunError, match="was moved to"):
        search(run=tmp_path / "run", listener=_at_the_second_trial(swap), **FAST)
    assert len(Run(tmp_path / "run").records) == 2


def test_two_searches_of_the_same_second_have_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, *_: Any) -> "Clock":
            return cls(2025, 3, 4, 9, 12, 44)

    monkeypatch.setattr(folder_module, "datetime", Clock)
    monkeypatch.setenv("MLPNAS_RUNS", str(tmp_path / "runs"))
    places = [search(**FAST).path for _ in range(3)]
    name = "quick-20250304-091244"
    assert [path.name for path in places] == [name, f"{name}-2", f"{name}-3"]
    assert [Run(path).manifest.name for path in places] == [path.name for path in places]


def test_a_second_search_of_the_same_name_leaves_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second search starts to prepare before the first has written anything, and ends after it."""
    prepare, seen = search_module.prepare, list[Run]()

    def prepared(*arguments: Any) -> Any:
        if not seen:
            seen.append(None)  # type: ignore[arg-type]
            seen.append(search(run=tmp_path / "run", **FAST))
        return prepare(*arguments)

    monkeypatch.setattr(search_module, "prepare", prepared)
    with pytest.raises(RunError, match="holds a run already"):
        search(run=tmp_path / "run", **{**FAST, "seed": 9})
    assert Run(tmp_path / "run").manifest.asked.seed == 0
    assert len(Run(tmp_path / "run").records) == 3


@pytest.mark.parametrize(
    "name", ["x" * 256, "ä" * 128, "~nosuch/x", "a\nb", "a\0b", "\x1b[31mred", "a/" * 2000 + "a", "", " ", "a\udcff"]
)
@pytest.mark.parametrize("resume", [False, True])
def test_an_impossible_folder_name_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, resume: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MlpnasError) as told:
        search(run=name, resume=resume, **({} if resume else FAST))
    message = str(told.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    assert message.isprintable()
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_reported_before_preparation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        search(run=tmp_path / "file" / "run", **FAST)
