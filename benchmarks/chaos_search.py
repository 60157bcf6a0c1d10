"""The search that benchmarks/chaos.py disturbs, in its own processes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fate

from mlpnas.run import Run

BACKENDS = {"pool": "ray", "tune": "ray", "local": "local"}  # name here -> backend
TRIAL_TIME = 3.0
PATIENCE = 300.0  # seconds to wait for an event
# without this the pool would run such short trials
TUNE = """\
from mlpnas.cli import main
from mlpnas.engine.backends import ray

ray._POOL_BELOW = 0
main()
"""
SPACE = """\
version: 1
name: chaos
input: {size: 16, channels: 1, classes: 10}
stem: {patch: 4}
width: {choose: [8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64]}
stages:
  count: 1
  each:
    depth: {choose: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]}
    mixer: {choose: [token_mlp, gmlp, token_linear]}
"""


class Search:
    """A search in its own processes, to be disturbed.

    Args:
        folder: for the run and its other files.
        address: a Ray cluster; "": the search starts Ray itself.
    """

    def __init__(self, folder: Path, trials: int, seconds: float, backend: str, address: str = "") -> None:
        self.folder, self.trials, self.backend, self.address = folder, trials, backend, address
        self.run = folder / "disk" / "run"
        self.fates = folder / "fates"
        self.events: list[dict[str, Any]] = []
        self.sessions: list[int] = []  # process sessions, one per start
        self.run.parent.mkdir(exist_ok=True)
        self.fates.mkdir()
        (folder / "space.yaml").write_text(SPACE)
        (folder / "recipe.json").write_text("{}")
        fate.install(folder / "plugins")
        path = [str(folder / "plugins"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path),
            "OMP_NUM_THREADS": "1",
            "MLPNAS_CACHE": str(folder / "cache"),
            "FATE_FOLDER": str(self.fates),
            "FATE_SECONDS": str(seconds),
        }

    def asked(self, backend: str) -> list[str]:
        workers = [] if backend == "local" else ["--workers", "2"]
        address = ["--address", self.address] if self.address and backend != "local" else []
        plain = {"--space": "space.yaml", "--data": "digits", "--recipe": "recipe.json", "--sampler": "random"}
        plain |= {"--objectives": "fate,macs", "--fill": "0", "--trials": str(self.trials)}
        plain |= {"--trial-time": f"{TRIAL_TIME:g}s", "--backend": BACKENDS[backend]}
        return [*(word for pair in plain.items() for word in pair), *workers, *address]

    def undisturbed(self) -> set[str]:
        """Return the architectures that the same search finishes undisturbed."""
        command = [sys.executable, "-m", "mlpnas", "search", *self.asked("local"), "--run", "./undisturbed"]
        quick = self.environment | {"FATE_SECONDS": "0", "FATE_FOLDER": "/nowhere"}
        subprocess.run(command, cwd=self.folder, env=quick, check=True, stdout=subprocess.DEVNULL)
        return finished(Run(self.folder / "undisturbed"))

    def start(self) -> None:
        """Start or resume the search."""
        asked = ["--resume"] if (self.run / "run.json").exists() else self.asked(self.backend)
        program = ["-c", TUNE] if self.backend == "tune" else ["-m", "mlpnas"]
        command = [sys.executable, "-u", *program, "search", *asked, "--run", str(self.run), "--json"]
        with (self.folder / "errors.txt").open("a") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.sessions.append(self.process.pid)
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()

    def stop(self) -> None:
        """Kill the remaining processes, including Ray's, and remove their files."""
        for _ in range(50):
            left = [number for number, _, session, state in processes() if session in self.sessions and state != "Z"]
            if not left:
                break
            for number in left:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.1)
        if self.sessions:
            self.process.wait()
        fate.clean(self.fates)

    def _listen(self, lines: Any) -> None:
        for line in lines:
            with suppress(ValueError):  # cut off by a kill
                self.events.append(json.loads(line))

    def wait(self, what: str, is_there: Callable[[], Any]) -> None:
        """Wait for a condition; raise AssertionError if it fails to come true or the search ends first."""
        end = time.monotonic() + PATIENCE
        while not is_there():
            is_over = self.process.poll() is not None
            assert not is_over or is_there(), f"the search ended before {what}: {self.last()}"
            assert time.monotonic() < end, f"no {what} came in {PATIENCE:g} s: {self.last()}"
            time.sleep(0.05)

    def last(self) -> str:
        """Return the last output of the search."""
        events = [json.dumps(event)[:300] for event in self.events[-8:]]
        return "\n".join(["", *events, (self.folder / "errors.txt").read_text()[-2000:]])

    def wait_for_trials(self, count: int) -> None:
        """Wait for so many more trials."""
        before = self.count("trial")
        self.wait(f"{count} more trials", lambda: self.count("trial") >= before + count)

    def wait_for_repairs(self) -> None:
        """Wait until every trial that lost its worker has ended, since one that loses three workers fails."""

        def are_done() -> bool:
            last = {event["trial"]: number for number, event in enumerate(self.events) if event["event"] == "trial"}
            notes = [(n, event["text"].split()) for n, event in enumerate(self.events) if event["event"] == "note"]
            return all(last.get(int(words[1]), -1) > n for n, words in notes if words[2:4] == ["begins", "again:"])

        self.wait("end of what began again", are_done)

    def count(self, kind: str, text: str = "") -> int:
        return sum(event["event"] == kind and text in event.get("text", "") for event in self.events)

    def end(self) -> None:
        """Wait for the end of the search."""
        code = self.process.wait(timeout=PATIENCE)
        assert code == 0, f"exit code {code}: {self.last()}"


def finished(run: Run) -> set[str]:
    return {record.key for record in run.records if record.is_done}


def processes() -> Iterator[tuple[int, str, int, str]]:
    """Yield (pid, name, session, state) of all processes."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            yield int(folder.name), name, int(stat[3]), stat[0]
