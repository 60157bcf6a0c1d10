"""mlpnas cache: shows what is kept, and clears only what mlpnas has put there."""

import ast
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mlpnas
from mlpnas import cache
from mlpnas.cli import main
from mlpnas.engine.run_folder.lock import hold_lock
from mlpnas.errors import DataError
from mlpnas.mirror import Mirror
from tests.support import fake_runs

Cli = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with something of every kind."""
    monkeypatch.setenv("MLPNAS_CACHE", str(tmp_path / "cache"))
    for kind, name in {"images": f"{'0a' * 10}.npy", "speed": "a-cpu.json", "downloads": "FashionMNIST/raw/x"}.items():
        file = cache.folder(kind) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(1000))
    return tmp_path / "cache"


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["mlpnas", "cache", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        assert stopped.value.code == code, told
        return told.out + told.err

    return call


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The copy of a run that is kept elsewhere, with nothing unsent."""
    fake_runs.quick(tmp_path / "far" / "quick", trials=3)
    mirror = Mirror.at((tmp_path / "far" / "quick").as_uri(), "search")
    mirror.pull()
    assert (mirror.folder / "run.json").is_file()
    return mirror.folder


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def test_it_shows_the_cached_files(folder: Path, cli: Cli) -> None:
    told = cli()
    assert told.splitlines()[0] == f"{folder}: 2.93 KiB"
    assert "images" in told
    kinds = json.loads(cli("--json"))["kinds"]
    assert {kind: found["bytes"] for kind, found in kinds.items()} == {
        "images": 1000,
        "downloads": 1000,
        "speed": 1000,
        "runs": 0,
    }


def test_it_clears_one_kind_or_all(folder: Path, cli: Cli) -> None:
    assert "images: 1 cleared, 1000 B freed" in cli("clear", "images")
    assert files(folder) == ["downloads/FashionMNIST/raw/x", "speed/a-cpu.json"]
    assert "speed: 1 cleared" in cli("clear")
    assert files(folder) == []
    assert "no kind is called 'image' - did you mean images?" in cli("clear", "image", code=2)


def test_foreign_files_and_links_are_left(folder: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("mine/thesis.tex", "cache/images/holiday.png", "cache/notes.txt"):
        (tmp_path / name).write_text("mine")
    (folder / "images" / f"{'0b' * 10}.npy").symlink_to(tmp_path / "mine" / "thesis.tex")
    (folder / "downloads" / "cifar-10-batches-py").symlink_to(tmp_path / "mine")
    (folder / "downloads" / "FashionMNIST" / "link").symlink_to(tmp_path / "mine")
    (folder / "runs").symlink_to(tmp_path / "mine")
    told = cli("clear", "--force")
    assert "holiday.png" in told
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "mine"
    left = ["downloads/cifar-10-batches-py", f"images/{'0b' * 10}.npy", "images/holiday.png", "notes.txt", "runs"]
    assert files(folder) == left


def test_a_file_that_is_being_written_is_left(folder: Path, cli: Cli) -> None:
    old, new = (folder / "images" / f".{'0c' * 10}.npy.0123456{end}" for end in "78")
    for file in (old, new):
        file.touch()
    os.utime(old, (1, 1))
    cli("clear", "images")
    assert (old.exists(), new.exists()) == (False, True)


def test_a_copy_without_unsent_changes_is_cleared(copy: Path, cli: Cli) -> None:
    assert "runs: 1 cleared" in cli("clear", "runs")
    assert not copy.exists()


def test_a_copy_with_unsent_changes_is_kept_unless_forced(copy: Path, cli: Cli) -> None:
    (copy / "report.html").write_text("new")
    told = cli("clear")
    assert "changed files that were not sent to file:///" in told
    assert "--force clears it too" in told
    assert (copy / "report.html").is_file()
    assert "runs: 1 cleared" in cli("clear", "--force")
    assert not copy.exists()


def test_a_copy_that_was_set_aside_or_is_searched_in_is_kept(copy: Path, cli: Cli) -> None:
    with hold_lock(copy):
        assert "is searching here" in cli("clear", "runs")
    copy.rename(copy.with_name("quick-17"))
    assert "was never sent" in cli("clear", "runs")
    assert (copy.with_name("quick-17") / "run.json").is_file()


def test_every_kind_is_declared() -> None:
    package = Path(mlpnas.__file__).parent
    calls = [node for file in package.rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    names = {
        node.args[0].value
        for node in calls
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("cache.folder", "cache.path")
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert names == {*cache.KINDS}


def test_a_cache_folder_of_no_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPNAS_CACHE", "~nosuch/x")
    with pytest.raises(DataError, match="~nosuch/x: no such user"):
        cache.path("images")
