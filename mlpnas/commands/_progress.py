"""The view of a running search: a live table on a terminal, plain lines elsewhere, JSON lines for machines."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from statistics import mean
from typing import Any, TextIO

from mlpnas.commands._terminal import say
from mlpnas.record import FAILURES
from mlpnas.units import duration

Event = Mapping[str, Any]
_NEVER = float("-inf")


@dataclass
class State:
    """All that is known of the search so far."""

    run: str = ""
    folder: str = ""
    trials: int = 0
    epochs: int = 1
    objectives: Mapping[str, str] = field(default_factory=dict)
    running: dict[int, dict[str, Any]] = field(default_factory=dict)
    last: dict[int, dict[str, Any]] = field(default_factory=dict)
    best: Event | None = None
    workers: int = 1
    started: float = field(default_factory=time.monotonic)
    has_ended: bool = False
    lost: list[int] = field(default_factory=list)

    def take(self, event: Event) -> None:
        match event["event"]:
            case "begin":
                self.run, self.trials = event["run"], event["trials"]
                self.folder = event.get("folder", self.run)
                self.objectives, self.epochs = event["objectives"], event["recipe"].get("epochs", 1)
                for trial in event["done"]:
                    self._end(trial)
                self.workers, self.started = event["workers"], time.monotonic()
            case "start":
                self.running[event["trial"]] = dict(event)
            case "epoch":
                self.running.get(event["trial"], {}).update(event)
            case "trial":
                self.running.pop(event["trial"], None)
                self._end(event)
            case "lost":
                self.lost.append(event["trial"])
            case "end":
                self.has_ended = True

    def _end(self, trial: Event) -> None:
        self.last.pop(trial["trial"], None)  # so that the latest comes last
        self.last[trial["trial"]] = dict(trial)
        if trial["status"] == "done" and (self.best is None or self._worth(trial) > self._worth(self.best)):
            self.best = trial

    def _worth(self, trial: Event) -> float:
        name, direction = next(iter(self.objectives.items()))
        value = trial.get(name, _NEVER)
        return float(value) if direction == "maximize" else -float(value)

    def describe(self, trial: Event) -> str:
        """Return what is known of a trial's objectives and costs: 97.1 % top-1, 1.2 MMACs, 34 k params."""
        from mlpnas.report.wording import texts

        return ", ".join(texts(trial, self.objectives))

    @property
    def ended(self) -> list[dict[str, Any]]:
        """The records of ended trials; a stopped one may still be promoted."""
        return list(self.last.values())

    @property
    def finished(self) -> int:
        return sum(trial["origin"] != "duplicate" for trial in self.ended)

    @property
    def failed(self) -> int:
        return sum(trial["status"] in FAILURES and trial["origin"] != "duplicate" for trial in self.ended)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def seconds_left(self) -> float | None:
        """The seconds that the search still needs, if the other trials take as long as those before."""
        taken = [trial["seconds"] for trial in self.ended if trial["origin"] != "duplicate"]
        return mean(taken) * max(0, self.trials - len(taken)) / max(1, self.workers) if taken else None


class Lines:
    """A view of plain lines: one for each note and each trial that has ended."""

    def __init__(self) -> None:
        self.state = State()

    def __call__(self, event: Event) -> None:
        self.state.take(event)
        for text in self.text(event):
            self.write(text)

    def write(self, text: str) -> None:
        say(text)

    def text(self, event: Event) -> Iterator[str]:
        state = self.state
        match event["event"]:
            case "begin":
                already = f", {state.finished} done before" if state.finished else ""
                workers = f", {event['workers']} at once" if event["workers"] > 1 else ""
                yield f"{event['space']} on {event['data']}: {event['trials']} trials{workers}{already}"
                yield from event["notes"]
                yield f"run: {event['run']}"
            case "note":
                yield event["text"]
            case "trial":
                yield self._end_line(event)
            case "end":
                yield from self._summary_lines(event)

    def _end_line(self, event: Event) -> str:
        state = self.state
        left = f", {duration(state.seconds_left)} left" if state.seconds_left else ""
        what = state.describe(event)
        if event["status"] == "stopped":
            what += f", after {event['epochs']} of {state.epochs} epochs"
        elif event["status"] != "done":
            what = " ".join([f"{event['status'].replace('_', ' ')}:", *event["error"].splitlines()[-1:]])
        return f"[{state.finished}/{state.trials}{left}] trial {event['trial']} {event['origin']}: {what}"

    def _summary_lines(self, event: Event) -> Iterator[str]:
        failed = f", {event['failed']} failed" if event["failed"] else ""
        yield f"{event['trials']} trials{failed} in {duration(event['seconds'])}; {event['front_size']} on the front"
        if event["best"]:
            yield f"best: trial {event['best']['trial']}, {self.state.describe(event['best'])}"

    def interrupted(self) -> None:
        if self.state.run:
            kept = "".join(f" but trial {trial}, for want of room on the disk" for trial in self.state.lost)
            going_on = f"mlpnas search --resume --run {quote(self.state.run)}"
            self.write(f"stopped; everything{kept} is kept. Go on with: {going_on}")
        else:
            self.write("stopped while preparing; no trial was begun")

    def reported(self, path: Path) -> None:
        self.write(f"report: {path}")
        if self.state.best:
            self.write(f"export: mlpnas export {quote(self.state.run)} --pick best --to model")


class JsonLines(Lines):
    """A view that writes every event to `output` as one JSON object a line; the last one is `end`."""

    def __init__(self, output: TextIO) -> None:
        super().__init__()
        self.output = output

    def __call__(self, event: Event) -> None:
        self.state.take(event)
        print(json.dumps(event), file=self.output, flush=True)

    def write(self, text: str) -> None:
        say(text, sys.stderr)
