"""The live table of a search, on a terminal."""

from typing import Any, Self

from rich.console import Group
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from mlpnas.commands._console import Console
from mlpnas.commands._progress import Event, Lines, describe
from mlpnas.units import duration, show

_SHOWN = 8  # trials that have ended
_COLUMNS = {"trial": 0, "status": 0, "mixers": 72, "epoch": 48, "top1": 0, "MACs": 0, "params": 60}  # least width
_WORDS = ("status", "mixers")
_STYLES = {"done": "", "stopped": "dim"}


class Live(Lines):
    """Trials running and just done, best so far, time left and failures; notes scroll by above."""

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
            table.add_column(name, justify="left" if name in _WORDS else "right", no_wrap=name != "mixers")
        resting = [trial for trial in self.state.ended if trial["trial"] not in self.state.running]
        for trial in resting[-_SHOWN:]:
            row, style = self._row(trial, str(trial["epochs"])), _STYLES.get(trial["status"], "red")
            table.add_row(*(row[name] for name in columns), style=style)
        for trial in self.state.running.values():
            row = self._row(trial | {"status": "running"}, f"{trial.get('epoch', 0)}/{self.state.epochs}")
            table.add_row(*(row[name] for name in columns), style="cyan")
        return table

    def _columns(self) -> list[str]:
        """Those that a terminal has room for, without cutting their words."""
        return [name for name, least in _COLUMNS.items() if self.console.width >= least]

    def _row(self, trial: Event, epochs: str) -> dict[str, str]:
        """A trial by column."""
        is_best = self.state.best is not None and trial["trial"] == self.state.best["trial"]
        status = "best" if is_best else trial["origin"] if trial["origin"] == "duplicate" else trial["status"]
        return {
            "trial": str(trial["trial"]),
            "status": status.replace("_", " "),
            "mixers": " ".join(dict.fromkeys(trial.get("mixers", []))),
            "epoch": epochs,
            "top1": f"{trial['top1']:.1%}" if "top1" in trial else "",
            "MACs": show(trial["macs"], "macs").removesuffix("MACs"),
            "params": show(trial["params"], ""),
        }

    def pace(self) -> Group:
        state = self.state
        left = f", about {duration(state.left)} left" if state.left is not None else ""
        failed = f", {state.failed} failed" if state.failed else ""
        line = f"{state.finished} of {state.trials} trials{failed}; {duration(state.elapsed)}{left}"
        best = Text(f"best: {describe(state.best)}" if state.best else "best: none yet", style="bold")
        return Group(self._bar(), line, best)

    def _bar(self) -> str:
        """How far the search is; not told by colours alone."""
        width = min(60, self.console.width)
        done = round(width * min(1.0, self.state.finished / max(1, self.state.trials)))
        return "\u2588" * done + "\u2591" * (width - done)
