"""The live table of a search, on a terminal."""

from typing import Any, Self

from rich.console import Group
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from mlpnas.commands._console import Console
from mlpnas.commands._progress import Event, Lines
from mlpnas.objectives import describe
from mlpnas.report.wording import cell, label
from mlpnas.units import duration

_SHOWN = 8  # trials that have ended
_FACTS = ("trial", "status", "mixers", "epoch")
_LEAST = {"mixers": 72, "epoch": 48, "params": 60}  # characters of a terminal from which a column is shown
_WORDS = ("status", "mixers")
_STYLES = {"done": "", "stopped": "dim"}


class Live(Lines):
    """A view of the trials that run or just ended, the best one, time left and failures; notes scroll by above."""

    def __init__(self) -> None:
        super().__init__()
        self.console = Console()
        self.live = RichLive(console=self.console, get_renderable=self.render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.live.stop()

    def __call__(self, event: Event) -> None:
        self.state.take(event)
        if event["event"] == "end":
            self.console.print(self.trials())
        if event["event"] != "trial":
            for text in self.text(event):
                self.write(text)

    def write(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)

    def render(self) -> Any:
        if not self.state.run:
            return Text("preparing: measuring the space, loading the data ...", style="dim")
        return Group(self.trials(), self.pace())

    def trials(self) -> Table:
        table, columns = Table(box=None, header_style="bold", pad_edge=False), self._columns()
        for name in columns:
            table.add_column(_heading(name), justify="left" if name in _WORDS else "right", no_wrap=name != "mixers")
        resting = [trial for trial in self.state.ended if trial["trial"] not in self.state.running]
        for trial in resting[-_SHOWN:]:
            row, style = self._row(trial, str(trial["epochs"])), _STYLES.get(trial["status"], "red")
            table.add_row(*(row[name] for name in columns), style=style)
        for trial in self.state.running.values():
            row = self._row(trial | {"status": "running"}, f"{trial.get('epoch', 0)}/{self.state.epochs}")
            table.add_row(*(row[name] for name in columns), style="cyan")
        return table

    def _columns(self) -> list[str]:
        """Return the columns that the terminal has room for, without cutting their words."""
        columns = [*_FACTS, *self._values()]
        return [name for name in columns if self.console.width >= _LEAST.get(name, 0)]

    def _values(self) -> list[str]:
        """Return the names of the values: the first objective, then the costs that everybody asks for."""
        return list(dict.fromkeys([*list(self.state.objectives)[:1], "macs", "params"]))

    def _row(self, trial: Event, epochs: str) -> dict[str, str]:
        """Return what is shown of a trial, by column."""
        is_best = self.state.best is not None and trial["trial"] == self.state.best["trial"]
        status = "best" if is_best else trial["origin"] if trial["origin"] == "duplicate" else trial["status"]
        return {
            "trial": str(trial["trial"]),
            "status": status.replace("_", " "),
            "mixers": " ".join(dict.fromkeys(trial.get("mixers", []))),
            "epoch": epochs,
            **{name: _cell(name, trial) for name in self._values()},
        }

    def pace(self) -> Group:
        state = self.state
        left = f", about {duration(state.seconds_left)} left" if state.seconds_left is not None else ""
        failed = f", {state.failed} failed" if state.failed else ""
        line = f"{state.finished} of {state.trials} trials{failed}; {duration(state.elapsed)}{left}"
        best = Text(f"best: {state.describe(state.best)}" if state.best else "best: none yet", style="bold")
        return Group(self._bar(), line, best)

    def _bar(self) -> str:
        """Draw the progress of the search, readable without colours."""
        width = min(60, self.console.width)
        done = round(width * min(1.0, self.state.finished / max(1, self.state.trials)))
        return "\u2588" * done + "\u2591" * (width - done)


def _heading(name: str) -> str:
    """Return the heading of a column: the label of a value, and other names as they are."""
    return name if name in _FACTS else label(name)


def _cell(name: str, trial: Event) -> str:
    """Return a value of a trial; of one that is running, that of its last epoch."""
    value = trial.get(name, trial.get(describe(name).column))
    return "" if value is None else cell(name, value)
