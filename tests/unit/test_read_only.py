"""Read-only places: one message that names the place, and another way if there is one."""

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpnas import cli
from tests.support import fake_runs

PR_CAPBSET_DROP, DAC_OVERRIDE, DAC_READ_SEARCH = 24, 1, 2
PROGRAM = """
import sys
from mlpnas.cli import main
for line in sys.argv[1:]:
    sys.argv = ["mlpnas", *line.split()]
    try:
        main()
    except SystemExit as end:
        print(f"({line}: {end.code or 0})", file=sys.stderr)
"""


def obey_permissions() -> None:
    """Even root may write only where the permissions say so."""
    prctl = ctypes.CDLL(None).prctl
    for power in (DAC_OVERRIDE, DAC_READ_SEARCH):
        prctl(PR_CAPBSET_DROP, power, 0, 0, 0)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to, with runs/quick in it."""
    fake_runs.quick(tmp_path / "runs" / "quick", trials=6)
    paths = [tmp_path, *tmp_path.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield tmp_path
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


def told(folder: Path, *lines: str, **environment: str) -> dict[str, list[str]]:
    """Return the lines of standard error of each command, its exit code last."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *lines],
        cwd=folder,
        env=os.environ | environment,
        preexec_fn=obey_permissions,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    blocks = done.stderr
    found = {}
    for line in lines:
        block, mark, blocks = blocks.partition(f"({line}: ")
        assert mark, done.stderr
        found[line] = [*block.splitlines()[-1:], blocks.split(")")[0]]
        assert len(block.strip().splitlines()) <= 2, block
        blocks = blocks.partition("\n")[2]
    return found


def test_a_folder_that_cannot_be_written_to_gives_one_message(
    read_only: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    another = "cannot be written (Permission denied); name another"
    expected = {
        "report quick": ["runs/quick/report.html: cannot be", "`mlpnas report runs/quick --output FILE`"],
        f"report quick --output {elsewhere}/report.html": [],
        "report quick --output r.html": [f"r.html: {another} file"],
        "export quick --to model": [f"model: {another} folder"],
        "show as_mlp_t --size 32 --png field.png": [f"--png field.png: {another} file"],
        "front quick --format csv --output front.csv": [f"--output front.csv: {another} file"],
        "search --space quick --data digits --recipe smoke --backend local": ["cannot be written to; take another"],
        "search --resume --run quick --trials +1": ["runs/quick/.lock: cannot be opened (Permission denied)"],
        "front quick": [],
        "runs": [],
    }
    found = told(read_only, *expected)
    for line, words in expected.items():
        *text, code = found[line]
        assert code == ("2" if words else "0"), (line, found[line])
        assert all(word in " ".join(text) for word in words), (line, found[line])
    assert "<h1>" in (elsewhere / "report.html").read_text()
    assert sorted(path.name for path in (read_only / "runs" / "quick").iterdir()) == ["epochs", "run.json", "trials"]


def test_a_place_that_nobody_thought_of_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(errno.EROFS, "", "/media/disc/\x1b[2Jx")

    monkeypatch.setattr(cli, "application", lambda: fail)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: /media/disc/\\x1b[2Jx: cannot be used (Read-only file system)\n"


def test_a_name_of_any_length_is_quoted_in_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mlpnas", "cost", "a" * 5000])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err) < 300
