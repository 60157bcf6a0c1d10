"""Test every border with damaged inputs: each must be accepted or refused in one clear sentence, within limits.

    python benchmarks/fuzz.py [--count 200000] [--seed 0] [--border NAME ...] [--workers 2]

Valid inputs are damaged (bytes, words, JSON values) and read by worker processes. It counts inputs that were accepted,
refused by an MlpnasError, raised another exception, or took more than 2 seconds of CPU time or more than 1 GB, and
prints the shortest input of every problem. It builds 300 of the accepted specs and computes their cost again:
parameters and costs must agree. It exits with 1 if there is any problem.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests.support.fake_runs and tests.support.image_files

_SECONDS, _BYTES = 2.0, 10**9
_HUNG = 60.0  # seconds without an answer until a worker is killed


def borders() -> Mapping[str, Any]:
    import fuzz_files
    import fuzz_text

    return {border.name: border for border in (*fuzz_text.BORDERS, *fuzz_files.BORDERS)}


@dataclass
class Tally:
    """The results of one border's inputs.

    Attributes:
        troubles: kind -> (how often, the shortest input).
        slowest: CPU seconds. largest: bytes of memory beyond the worker's own.
    """

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    largest: int = 0
    troubles: dict[str, tuple[int, str]] = field(default_factory=dict)
    specs: set[str] = field(default_factory=set)

    def trouble(self, kind: str, shown: str) -> None:
        times, shortest = self.troubles.get(kind, (0, shown))
        self.troubles[kind] = times + 1, min(shown, shortest, key=len)

    def add(self, other: "Tally") -> None:
        self.inputs, self.accepted, self.refused = (
            getattr(self, name) + getattr(other, name) for name in ("inputs", "accepted", "refused")
        )
        self.slowest, self.largest = max(self.slowest, other.slowest), max(self.largest, other.largest)
        self.specs |= other.specs
        for kind, (times, shown) in other.troubles.items():
            self.trouble(kind, shown)
            self.troubles[kind] = self.troubles[kind][0] + times - 1, self.troubles[kind][1]


def enter(border: Any, given: Any, folder: Path, tally: Tally) -> None:
    """Read one input and count the result."""
    from fuzz_border import check_refusal

    from mlpnas.errors import MlpnasError

    memory, start = _reset_peak(), time.process_time()
    tally.inputs += 1
    try:
        tally.specs.update(border.enter(given, folder) or ())
        tally.accepted += 1
    except MlpnasError as error:
        tally.refused += 1
        try:
            check_refusal(error)
        except AssertionError as wrong:
            tally.trouble(f"AssertionError: {wrong}"[:60], repr(given))
    except Exception as error:
        tally.trouble(_kind(error), repr(given))
    seconds, grown = time.process_time() - start, _peak() - memory
    tally.slowest, tally.largest = max(tally.slowest, seconds), max(tally.largest, grown)
    if seconds > _SECONDS:
        tally.trouble(f"took more than {_SECONDS:g} s", repr(given))
    if grown > _BYTES:
        tally.trouble("took more than 1 GB", repr(given))


def _kind(error: BaseException) -> str:
    trace = error.__traceback__
    frames = []
    while trace:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    ours = [(file, line) for file, line in frames if f"mlpnas{os.sep}" in file and "site-packages" not in file]
    file, line = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(file).name}:{line}"


def _reset_peak() -> int:
    """Reset the memory peak and return the bytes in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def prepare(folder: Path) -> None:
    """Isolate this process from the user's files, with one thread."""
    found = [str(Path(__file__).parent), *sys.path]  # the fork server imports from there too
    os.environ.update(MLPNAS_CACHE=str(folder / "cache"), OMP_NUM_THREADS="1", PYTHONPATH=os.pathsep.join(found))
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def work(name: str, seed: int, numbers: range, place: Any, results: Any) -> None:
    """Process the inputs `numbers` of one border in a worker; `place` holds the current one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "work"
        folder.mkdir()
        prepare(Path(temporary))
        border, tally = borders()[name], Tally()
        valid = border.inputs(folder)
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (what codecs write there)
        for number in numbers:
            place.value = number
            enter(border, border.input(seed, number, valid), folder, tally)
            if number % 200 == 0:
                results.put((tally, False))
                tally = Tally()
        results.put((tally, True))


class Pool:
    """A pool of workers for the inputs of one border, which survives inputs that kill or hang a worker."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed, self.tally = name, seed, Tally()
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(["fuzz_text", "fuzz_files"])  # imported once, for all workers

    def run(self, count: int, workers: int) -> Tally:
        running = [self._start(range(first, count, workers)) for first in range(min(workers, count))]
        while running:
            running = [again for worker in running if (again := self._step(worker))]
            time.sleep(0.05)
        return self.tally

    def _start(self, numbers: range) -> Any:
        place, results = self.context.Value("q", numbers.start), self.context.SimpleQueue()
        process = self.context.Process(target=work, args=(self.name, self.seed, numbers, place, results))
        process.start()
        return process, numbers, place, results, [numbers.start, time.monotonic()]

    def _step(self, worker: Any) -> Any:
        process, numbers, place, results, seen = worker
        is_done = False
        while not is_done and not results.empty():
            tally, is_done = results.get()
            self.tally.add(tally)
        if is_done:
            process.join()
            return None
        if place.value != seen[0]:
            seen[:] = [place.value, time.monotonic()]
        is_hung = time.monotonic() - seen[1] > _HUNG
        if process.is_alive() and not is_hung:
            return worker
        if is_hung:
            process.kill()
        process.join()
        how = f"no answer in {_HUNG:g} s" if is_hung else f"killed the process ({_signal(process.exitcode)})"
        self.tally.trouble(how, f"input {place.value} of seed {self.seed}")
        rest = numbers[numbers.index(place.value) + 1 :]
        return self._start(rest) if rest else None


def _signal(code: int | None) -> str:
    return signal.Signals(-code).name if code and code < 0 else f"exit code {code}"


def build_and_cost(texts: Collection[str], wanted: int, seed: int) -> tuple[int, list[str]]:
    """Return (number of specs built, disagreements) between costs, new costs and parameters of the network."""
    from mlpnas import costs
    from mlpnas.nets.network import build
    from mlpnas.spec import ArchSpec

    shuffled, built, wrong = sorted(texts), 0, []
    Random(seed).shuffle(shuffled)
    for text in shuffled:
        spec = ArchSpec.loads(text)
        first = costs.cost(spec)
        if built == wanted or first.params > 3e7 or sum(stage.depth for stage in spec.stages) > 100:
            continue
        costs._piece_cost.cache_clear()
        costs._stage_cost.cache_clear()
        params = sum(parameter.numel() for parameter in build(spec).parameters())
        if costs.cost(spec) != first or params != first.params:
            wrong.append(text)
        built += 1
    return built, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--border", action="append", help="only these; may be given several times")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--specs", type=int, default=300, help="accepted specs to build")
    options = parser.parse_args()
    chosen = {name: border for name, border in borders().items() if name in (options.border or borders())}
    shares, specs, is_fine = sum(border.share for border in chosen.values()), set[str](), True
    row = "{:<15} {:>7} {:>9} {:>8} {:>6} {:>8} {:>8} {:>8}"
    print(row.format("border", "inputs", "accepted", "refused", "other", "slowest", "largest", "per s"))
    total = Tally()
    for name, border in chosen.items():
        start = time.monotonic()
        tally = Pool(name, options.seed).run(round(options.count * border.share / shares), options.workers)
        print(_row(row, name, tally, time.monotonic() - start), flush=True)
        for kind, (times, shown) in sorted(tally.troubles.items()):
            is_fine = False
            print(f"    {times} times {kind}: {shown[:300]}", flush=True)
        specs |= tally.specs
        total.add(tally)
    print(_row(row, "all", total, 0.0))
    if specs:
        built, wrong = build_and_cost(specs, options.specs, options.seed)
        print(f"{built} accepted specs built and costed anew: {built - len(wrong)} agree{' '.join(['', *wrong])}")
    return int(not is_fine or bool(specs and wrong))


def _row(row: str, name: str, tally: Tally, seconds: float) -> str:
    other = sum(times for times, _ in tally.troubles.values())
    counts = tally.inputs, tally.accepted, tally.refused, other
    speed = f"{tally.inputs / seconds:.0f}" if seconds else ""
    return row.format(name, *counts, f"{tally.slowest:.2f} s", f"{tally.largest / 1e6:.0f} MB", speed)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as main_folder:
        prepare(Path(main_folder))
        sys.exit(main())
