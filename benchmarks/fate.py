"""An objective that only takes time, and in which a worker sometimes hangs or runs out of memory.

Environment: FATE_SECONDS is the time of every trial. FATE_FOLDER may contain files named `hang...` or `memory...`; one
worker removes such a file and then hangs for ever, or allocates until the kernel kills it.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mlpnas.objectives import Candidate

_MOST_BYTES = 2**30  # limit of the allocating worker, so that the machine is not affected
_GROUPS = Path("/sys/fs/cgroup/memory" if Path("/sys/fs/cgroup/memory").is_dir() else "/sys/fs/cgroup")


class Fate:
    direction = "minimize"
    unit = "channels"
    needs_training = False
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        time.sleep(float(os.environ.get("FATE_SECONDS", "0")))
        for name, meet in FATES.items():
            for file in Path(os.environ.get("FATE_FOLDER", "/nowhere")).glob(f"{name}*"):
                if _taken(file):
                    meet()
        return sum(stage.width * stage.depth for stage in candidate.spec.stages)

    def reference(self, limit: float | None) -> float | None:
        return None


def _taken(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:  # another worker was faster
        return False
    return True


def _hang() -> None:
    while True:
        signal.pause()


def _eat_memory() -> None:
    """Allocate without end in a control group with little memory, so that the kernel kills this process."""
    name = f"fate-{os.getpid()}"
    Path(os.environ["FATE_FOLDER"], name).touch()  # for `clean`: a killed process removes nothing
    group = _GROUPS / name
    group.mkdir()
    limit = next(file for file in (group / "memory.max", group / "memory.limit_in_bytes") if file.exists())
    limit.write_text(str(_MOST_BYTES))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    page = resource.getpagesize()
    eaten = [bytearray(2**24) for _ in range(_MOST_BYTES // 2**24 + 8)]
    for block in eaten:  # written to, or it would use no memory
        block[::page] = b"x" * len(block[::page])
    raise AssertionError("the kernel let it live")


def clean(folder: Path) -> None:
    """Remove the control groups of dead workers of this FATE_FOLDER."""
    for file in folder.glob("fate-*"):
        with suppress(FileNotFoundError):
            _remove(_GROUPS / file.name)


def _remove(group: Path, patience: float = 5.0) -> None:
    """Remove a control group once the kernel has released its processes."""
    end = time.monotonic() + patience
    while True:
        try:
            return group.rmdir()
        except FileNotFoundError:
            raise
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


FATES: dict[str, Callable[[], None]] = {"hang": _hang, "memory": _eat_memory}


def install(folder: Path) -> None:
    """Install `fate` like a package for processes with `folder` and this file's folder on their path."""
    info = folder / "fate-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fate\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[mlpnas.objectives]\nfate = fate:Fate\n")
