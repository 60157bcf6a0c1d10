"""Check that a search loses nothing when any one of its writes fails, or is its last.

    python benchmarks/faults.py [--searches costs trained resumed] [--faults EIO ENOSPC EROFS kill half]

Short searches run once to count every write below their run folder: files made, written, synced, renamed, locked and
deleted, folders made. Then each search runs once for every write and fault, in its own process:

    EIO      the write fails once
    ENOSPC   it and the next two fail: the disk was full for a moment
    EROFS    it and all later ones fail
    kill     SIGKILL before it
    half     SIGKILL when half of its bytes are written

The search must end well, with one message of ours, or killed. After a resume (or a new start if there is no run yet),
it must have every finished architecture of an undisturbed search, none twice, no unreadable part and no leftovers.
"""

import argparse
import errno
import fcntl
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from safetensors import safe_open

from mlpnas import store
from mlpnas.engine.run_folder import writer
from mlpnas.engine.search import search
from mlpnas.errors import MlpnasError
from mlpnas.evaluators import proxy_training
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.training.recipe import Recipe

ERRORS = {"EIO": 1, "ENOSPC": 3, "EROFS": 10**9}  # writes that fail
FAULTS = (*ERRORS, "kill", "half")
SPACE = """\
version: 1
name: tiny
input: {size: 8, channels: 1, classes: 10}
stem: {patch: 4}
width: {choose: [8, 16, 24, 32]}
stages: {count: 1, each: {depth: {choose: [1, 2]}, mixer: token_linear}}
"""
PLAIN: Mapping[str, Any] = {
    "data": "digits",
    "backend": "local",
    "sampler": "random",
    "recipe": Recipe(epochs=2, samples=16, batch_size=16, warmup_epochs=0),
}
SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "costs": {**PLAIN, "trials": 5, "objectives": "macs,params"},
    "trained": {**PLAIN, "trials": 3, "fidelity": "epochs=1,2"},
    "resumed": {**PLAIN, "trials": 3},
}


class Disk:
    """Python's functions for writing, of which one call below a folder fails.

    Args:
        at: the number of that call, from 0; None: calls are only counted.
    """

    def __init__(self, folder: Path, at: int = -1, fault: str = "") -> None:
        self.folder, self.at, self.fault = os.fspath(folder), at, fault
        self.points: list[str] = []
        self._patches = ExitStack()

    def __enter__(self) -> "Disk":
        here = self._patches.enter_context
        here(patch("os.open", self._open(os.open)))
        for name in ("mkdir", "unlink", "replace", "rename"):
            here(patch(f"os.{name}", self._by_path(name, getattr(os, name))))
        here(patch("os.fsync", self._by_file("fsync", os.fsync)))
        here(patch("fcntl.flock", self._by_file("flock", fcntl.flock)))
        here(patch("os.fdopen", self._fdopen(os.fdopen)))
        here(patch("io.open", self._io_open(io.open)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def _call(self, what: str, path: object, do: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        place = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]
        if not place.startswith(self.folder):
            return do()
        number, name = len(self.points), re.sub(r"\.[0-9a-f]{8}$", ".*", place[len(self.folder) :])
        self.points.append(f"{what} {name or '/'}")
        if self.at < 0 or number < self.at:
            return do()
        if (failing := ERRORS.get(self.fault, 0)) and number < self.at + failing:
            code = getattr(errno, self.fault)
            raise OSError(code, os.strerror(code), place)
        if number == self.at and self.fault in ("kill", "half"):
            if self.fault == "half" and half:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
        return do()

    def _open(self, real: Any) -> Any:
        def opened(path: Any, flags: int, *more: Any, **named: Any) -> int:
            do = partial(real, path, flags, *more, **named)
            return self._call("open", path, do) if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR) else do()

        return opened

    def _by_path(self, what: str, real: Any) -> Any:
        return lambda path, *more, **named: self._call(what, path, partial(real, path, *more, **named))

    def _by_file(self, what: str, real: Any) -> Any:
        def called(file: Any, *more: Any) -> Any:
            number = file if isinstance(file, int) else file.fileno()
            return self._call(what, os.readlink(f"/proc/self/fd/{number}"), partial(real, file, *more))

        return called

    def _fdopen(self, real: Any) -> Any:
        def opened(number: int, mode: str = "r", *more: Any, **named: Any) -> Any:
            file = real(number, mode, *more, **named)
            path = os.readlink(f"/proc/self/fd/{number}")
            return file if mode in ("r", "rb") else Written(file, partial(self._call, path=path))

        return opened

    def _io_open(self, real: Any) -> Any:
        def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            do = partial(real, file, mode, *more, **named)
            if isinstance(file, int) or not set(mode) & set("wax+"):
                return do()
            return Written(self._call("open", file, do), partial(self._call, path=file))

        return opened


class Written:
    """An open file whose writes are counted."""

    def __init__(self, file: Any, call: Any) -> None:
        self.file, self.call = file, call

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: Any) -> Any:
        def half() -> None:
            self.file.write(content[: len(content) // 2])
            self.file.flush()

        return self.call("write", do=partial(self.file.write, content), half=half)

    def truncate(self, size: int) -> Any:
        return self.call("truncate", do=partial(self.file.truncate, size))


class End(NamedTuple):
    """The end of a process: well, told (an error of ours), killed or crashed; its message; its number of writes."""

    how: str
    text: str
    points: list[str]


def run(disk: Disk, **asked: Any) -> End:
    """Run a search in its own process."""
    reader, writing_end = os.pipe()
    if (child := os.fork()) == 0:
        how, text = "well", ""
        try:
            with disk:
                search(**asked)
        except MlpnasError as error:
            how, text = "told", str(error)
        except BaseException:
            how, text = "crashed", traceback.format_exc()
        os.write(writing_end, json.dumps([how, text, disk.points]).encode())
        os._exit(0)
    os.close(writing_end)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return End(*json.loads(told)) if told else End("killed", "", [])


def begin_or_resume(folder: Path, name: str, disk: Disk) -> End:
    if (folder / "run.json").exists():
        return run(disk, run=folder, resume=True, trials=SEARCHES[name]["trials"])
    return run(disk, space=folder.parent / "space.yaml", run=folder, **SEARCHES[name])


def finished(folder: Path) -> set[str]:
    return {record.key for record in Run(folder).done()}


def problems(folder: Path, expected: set[str]) -> Iterator[str]:
    """Yield the problems of a run that was disturbed and resumed."""
    found = Run(folder)
    records = [record for record in found.history if record.origin != "duplicate" and not record.fault]
    if lost := expected - finished(folder):
        yield f"{len(lost)} finished architectures are lost"
    ends = Counter((record.trial, record.epochs) for record in records)
    if (
        len({record.key for record in found.records if record.origin != "duplicate"})
        < len([record for record in found.records if record.origin != "duplicate"])
        or max(ends.values()) > 1
    ):
        yield "something is there twice"
    if bad := found.set_aside():
        yield f"unreadable: {bad}"
    if left := [path.name for path in folder.rglob(".*") if re.fullmatch(r"\..+\.[0-9a-f]{8}", path.name)]:
        yield f"leftovers: {left}"
    for record in found.front():
        if record.weights:
            with safe_open(folder / record.weights, "pt") as file:
                list(file.keys())
    if (folder / "space.yaml").read_text() != found.manifest.space_text:
        yield "another space.yaml"


def disturb(name: str, at: int, fault: str, start: Path | None, expected: set[str]) -> tuple[str, list[str]]:
    """Return the end of the disturbed search, and its problems."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve() / "run"
        (folder.parent / "space.yaml").write_text(SPACE)
        if start:
            shutil.copytree(start, folder)
        disturbed = begin_or_resume(folder, name, Disk(folder, at, fault))
        wrong = [f"crashed: {disturbed.text}"] if disturbed.how == "crashed" else []
        if "Traceback" in disturbed.text and disturbed.how == "told":
            wrong.append("told with a traceback")
        again = begin_or_resume(folder, name, Disk(folder))
        if again.how != "well":
            return disturbed.how, [*wrong, f"not resumed: {again.text}"]
        return disturbed.how, [*wrong, *problems(folder, expected)]


def warm_up(name: str) -> None:
    """Load and compute once what the forked searches need."""
    with tempfile.TemporaryDirectory() as scratch:
        search(SearchSpace(SPACE), run=Path(scratch) / "run", **SEARCHES[name])


def measure(name: str, faults: list[str], every: int) -> int:
    """Print the end of each search; return the number of problems."""
    warm_up(name)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch).resolve() / "whole" / "run"
        start = Path(scratch).resolve() / "start" / "run" if name == "resumed" else None
        for folder in filter(None, (whole, start)):
            folder.parent.mkdir()
            (folder.parent / "space.yaml").write_text(SPACE)
        if start:
            part = run(Disk(start), space=start.parent / "space.yaml", run=start, **{**SEARCHES[name], "trials": 2})
            assert part.how == "well", part.text
            shutil.copytree(start, whole)
        counted = begin_or_resume(whole, name, Disk(whole))
        assert counted.how == "well", counted.text
        expected = finished(whole)
        ends: dict[str, Counter[str]] = {fault: Counter() for fault in faults}
        bad = 0
        for at in range(0, len(counted.points), every):
            is_content = counted.points[at].startswith("write ")
            for fault in [fault for fault in faults if is_content or fault != "half"]:
                how, wrong = disturb(name, at, fault, start, expected)
                ends[fault][how] += 1
                bad += bool(wrong)
                for text in wrong:
                    print(f"  {name}, write {at} ({counted.points[at]}), {fault}: {text}", flush=True)
    kinds = Counter(point.split()[0] for point in counted.points)
    print(f"{name}: {len(counted.points)} writes ({', '.join(f'{n} {kind}' for kind, n in kinds.most_common())})")
    for fault, counts in ends.items():
        print(f"  {fault:7} {counts.total()} searches: {', '.join(f'{n} {how}' for how, n in counts.most_common())}")
    print(f"  {bad} problems", flush=True)
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--every", type=int, default=1, help="try only every so manyth write")
    options = parser.parse_args()
    store._COMPACT_AT = 3  # so that parts are merged during the search
    writer._LOOKS_FOR_ROOM = proxy_training._LOOKS_FOR_ROOM = 0.01
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MLPNAS_CACHE"] = cache
        bad = sum(measure(name, options.faults, options.every) for name in options.searches)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
