"""One writer per run, on file systems with locks and without."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlpnas.engine.run_folder.lock import hold_lock
from mlpnas.errors import RunError

HOLD = """
import sys, time
from pathlib import Path
from mlpnas.engine.run_folder.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with hold_lock(tmp_path), pytest.raises(RunError, match="is searching here"), hold_lock(tmp_path):
        pass
    with hold_lock(tmp_path):
        pass


def test_the_holder_is_named_and_a_kill_releases_the_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    name = f"process {holder.pid} on {socket.gethostname()}"
    with pytest.raises(RunError, match=f"{name} is searching"), hold_lock(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with hold_lock(tmp_path):
        pass


def test_without_locks_the_name_alone_keeps_others_out(tmp_path: Path, no_locks: None) -> None:
    with hold_lock(tmp_path), pytest.raises(RunError, match=r"knows no locks.*delete .*\.lock"), hold_lock(tmp_path):
        pass
    with hold_lock(tmp_path):
        pass


def test_without_locks_an_ended_process_holds_nothing(tmp_path: Path, no_locks: None) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / ".lock").write_text(f"process {gone.pid} on {socket.gethostname()}")
    with hold_lock(tmp_path):
        pass
    (tmp_path / ".lock").write_text(f"process {gone.pid} on elsewhere")
    with pytest.raises(RunError, match="on elsewhere"), hold_lock(tmp_path):
        pass


def test_another_error_is_not_taken_for_a_lack_of_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(RunError, match=r"cannot be locked \(Input/output"), hold_lock(tmp_path):
        pass


@pytest.mark.parametrize("kind", ["link", "hard link", "dangling", "folder", "fifo"])
def test_other_files_are_neither_followed_nor_emptied(tmp_path: Path, kind: str) -> None:
    secret, lock = tmp_path / "secret", tmp_path / "run" / ".lock"
    secret.write_text("mine")
    lock.parent.mkdir()
    match kind:
        case "link":
            lock.symlink_to(secret)
        case "hard link":
            lock.hardlink_to(secret)
        case "dangling":
            lock.symlink_to(tmp_path / "nothing")
        case "folder":
            lock.mkdir()
        case "fifo":
            os.mkfifo(lock)
    with pytest.raises(RunError, match=r"\.lock: cannot be opened .* delete what is there"), hold_lock(lock.parent):
        pass
    assert secret.read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe" * 1000, b"process 99999999999999999999 on here"])
def test_a_lock_file_with_other_text_keeps_nobody_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".lock").write_bytes(content)
    with hold_lock(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()}")
    assert (tmp_path / ".lock").read_text() == ""
