"""One search at a time on a remote run."""

import os
import socket
import subprocess
import sys

import pytest

from mlpnas import remote
from mlpnas.engine.run_folder import lease as lease_module
from mlpnas.engine.run_folder.lease import LASTS, Lease, hold_lease
from mlpnas.errors import RunError
from tests.support.far import Place, held


def test_a_second_search_is_refused_and_the_holder_named(place: Place) -> None:
    named = f"process {os.getpid()} on {socket.gethostname()} is searching here"
    with hold_lease(place.uri), pytest.raises(RunError, match=named), hold_lease(place.uri):
        pass
    with hold_lease(place.uri):
        assert place.files() == [".lease.json"]
    assert not place.files()


@pytest.mark.parametrize(("age", "is_free"), [(LASTS + 1, True), (LASTS - 60, False)])
def test_a_lease_runs_out(place: Place, age: float, is_free: bool) -> None:
    held(place, "process 1 on elsewhere", age)
    if is_free:
        with hold_lease(place.uri):
            pass
    else:
        with pytest.raises(RunError, match="process 1 on elsewhere is searching"):
            Lease(place.uri)


def test_a_lease_of_an_ended_process_of_this_machine_is_free(place: Place) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    held(place, f"process {gone.pid} on {socket.gethostname()}", 1.0)
    with hold_lease(place.uri):
        pass


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"holder": 1}'])
def test_a_damaged_lease_holds_nothing(place: Place, damaged: bytes) -> None:
    remote.write_bytes(f"{place.uri}/.lease.json", damaged)
    with hold_lease(place.uri):
        pass


def test_a_lease_is_renewed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "_SURE", -1.0)
    with hold_lease(place.uri) as lease:
        (place.folder / ".lease.json").unlink()
        lease.check()
        assert place.files() == [".lease.json"]
