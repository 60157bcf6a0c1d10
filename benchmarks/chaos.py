"""Check that a search loses nothing when its processes are killed, its disk fills up and its workers hang.

    python benchmarks/chaos.py --what driver [--times 30] [--backend pool] [--trials 210] [--seconds 0.5]

    driver   SIGKILL at a random moment, then --resume
    worker   SIGKILL of a Ray worker at a random moment
    node     SIGKILL of the second of two Ray nodes on this machine, with all its workers; another one joins
    disk     the run's disk (a small tmpfs, which needs root) is full for a while
    memory   a worker allocates until the kernel kills it (a memory control group, which needs root)
    hang     a worker hangs in a trial for ever

--what takes several, one after the other in one search. Every trial sleeps for --seconds and trains nothing. At the end
the run must hold every architecture of an undisturbed search as finished (but for those that hung), none twice, no
unreadable part, and no process of the search may be left.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from chaos_search import BACKENDS, Search, finished, processes

from mlpnas.record import STATUSES
from mlpnas.run import Run


def kill_driver(search: Search, chance: random.Random) -> None:
    """Kill the driver, half of the times during its start."""
    begun = search.count("begin")
    if chance.random() < 0.5:
        search.wait("beginning", lambda: search.count("begin") > begun)
    time.sleep(chance.uniform(0, 6))
    search.process.kill()
    search.process.wait()
    search.start()


def kill_worker(search: Search, chance: random.Random) -> None:
    search.wait_for_repairs()
    search.wait_for_trials(1)
    time.sleep(chance.uniform(0, 1.5))
    search.wait("worker", lambda: bool(workers(search)))
    again, ended = search.count("note", "begins again"), search.count("trial")
    with suppress(ProcessLookupError, IndexError):
        os.kill(chance.choice(workers(search)), signal.SIGKILL)
    # the driver may have just ended its last trial
    search.wait("note", lambda: search.count("note", "begins again") > again or search.count("trial") > ended + 5)


def fill_disk(search: Search, chance: random.Random) -> None:
    search.wait_for_trials(1)
    time.sleep(chance.uniform(0, 1))
    pauses, filler = search.count("note", "paused"), search.run.parent / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    search.wait("pause", lambda: search.count("note", "paused") > pauses)
    kept = search.count("trial")
    time.sleep(4)
    assert search.count("trial") == kept
    filler.unlink()
    search.wait_for_trials(1)


def eat_memory(search: Search, chance: random.Random) -> None:
    search.wait_for_repairs()
    again = search.count("note", "begins again")
    search.wait_for_trials(1)
    (search.fates / "memory").touch()
    search.wait("death for lack of memory", lambda: search.count("note", "begins again") > again)


def hang(search: Search, chance: random.Random) -> None:
    def killed() -> int:
        return sum("hung" in event.get("error", "") for event in search.events if event["event"] == "trial")

    before = killed()
    search.wait_for_trials(1)
    (search.fates / "hang").touch()
    search.wait("end of what hangs", lambda: killed() > before)


WORKERS = ("ray::Evaluation", "ray::TuneWorker", "ray::ResourceTrainable")  # the pool's, and Tune's idle or at work
DISTURB = {"driver": kill_driver, "worker": kill_worker, "disk": fill_disk, "memory": eat_memory, "hang": hang}
# half-second trials per disturbance, so that the search does not end before the last one
TRIALS = {"driver": 7, "worker": 7, "disk": 14, "memory": 14, "hang": 70, "node": 14}


def workers(search: Search) -> list[int]:
    """Return the pids of Ray's workers; those of a cluster were started by this script."""
    session = os.getsid(0) if search.address else search.process.pid
    return [number for number, name, its, _ in processes() if name.startswith(WORKERS) and its == session]


def left_over(search: Search) -> list[str]:
    """Return the processes of the search that are left long after its end.

    When a driver is killed, Ray's two agents look for its dead server for a minute before they end.
    """
    for _ in range(200):
        left = [f"{number} {name}" for number, name, session, _ in processes() if session in search.sessions]
        if not left:
            break
        time.sleep(0.5)
    return left


def judge(search: Search, expected: set[str]) -> dict[str, Any]:
    """Return the final state of a search; `faults` lists its errors."""
    run = Run(search.run)
    records = [record for record in run.records if record.origin != "duplicate"]
    done, keys = finished(run), [record.key for record in records]
    hung = {record.key for record in records if "hung" in record.error}
    failed = [f"trial {record.trial}: {record.error}" for record in records if record.status == "failed"]
    files = [path.name for path in search.run.rglob(".*") if path.name != ".lock"]
    faults = {
        "lost": sorted(expected - done - hung),
        "repeated": len(keys) - len(set(keys)) + len(run.records) - len({record.trial for record in run.records}),
        "statuses": sorted({record.status for record in run.records} - set(STATUSES)),
        "curves without a trial": sorted(set(run.store.curves()) - {record.trial for record in run.records}),
        "files left": files,
        "processes left": left_over(search),
    }
    again = search.count("note", "begins again")
    return {
        "expected": len(expected),
        "finished": len(done),
        "failed": failed,
        "begun again": again,
        "faults": {name: fault for name, fault in faults.items() if fault},
    }


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a tmpfs of 3 MiB; raise PermissionError if that is not allowed."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        raise PermissionError(f"no tmpfs at {folder}: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Nodes:
    """Two Ray nodes on this machine, one of which is killed repeatedly."""

    def __init__(self, environment: dict[str, str]) -> None:
        from ray.cluster_utils import Cluster

        os.environ.update(environment)  # its workers inherit ours
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        try:
            self.second = self.cluster.add_node(num_cpus=1)
        except BaseException:
            self.cluster.shutdown()
            raise

    def kill_one(self, search: Search, chance: random.Random) -> None:
        search.wait_for_repairs()
        search.wait("workers on both nodes", lambda: len(workers(search)) > 1)
        time.sleep(chance.uniform(0, 2))
        self.cluster.remove_node(self.second, allow_graceful=False)
        search.wait_for_trials(2)  # on the first one
        self.second = self.cluster.add_node(num_cpus=1)


def chaos(
    what: list[str], times: int, folder: Path, trials: int, seconds: float, backend: str, seed: int = 0
) -> dict[str, Any]:
    """Disturb one search in each of these ways several times; see `judge`."""
    chance, disturb = random.Random(seed), dict(DISTURB)
    with ExitStack() as stack:
        if "disk" in what:
            stack.enter_context(small_disk(folder / "disk"))
        search = Search(folder, trials, seconds, backend)
        stack.callback(search.stop)
        expected = search.undisturbed()
        if "node" in what:
            nodes = Nodes(search.environment)
            stack.callback(nodes.cluster.shutdown)
            search.address, disturb["node"] = nodes.cluster.address, nodes.kill_one
        search.start()
        for name in what:
            for _ in range(times):
                disturb[name](search, chance)
        search.end()
        return judge(search, expected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", required=True, help=",".join(TRIALS))
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--trials", type=int, help="default: enough for what is done to the search")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--backend", choices=BACKENDS, default="pool", help="of Ray: its pool or Tune")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    what = options.what.split(",")
    start = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the clean-up runs
    with tempfile.TemporaryDirectory() as name:
        found = chaos(
            what,
            options.times,
            Path(name),
            options.trials or max(60, options.times * sum(TRIALS[each] for each in what)),
            options.seconds,
            options.backend,
            options.seed,
        )
    took = {"what": options.what, "times": options.times, "seconds": round(time.monotonic() - start)}
    print(json.dumps(took | found, indent=1))
    sys.exit(bool(found["faults"]))


if __name__ == "__main__":
    main()
