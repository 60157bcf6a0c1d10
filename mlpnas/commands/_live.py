"""The live table of a search, on a terminal."""

from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mlpnas.commands._progress import Event, Lines, describe
from mlpnas.units import duration, show

_SHOWN = 8  # trials that have ended
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
        self.console.print(text, highlight=False, soft_wrap=True)

    def render(self) -> Any:
        if not self.state.run:
            return Text("preparing: measuring the space, loading the data ...", style="dim")
        return Group(self.trials(), self.pace())

    def trials(self) -> Table:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name, justify in (("trial", "right"), ("status", "left"), ("mixers", "left"), ("epoch", "right")):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        for name in ("top1", "MACs", "params"):
            table.add_column(name, justify="right")
        resting = [trial for trial in self.state.ended if trial["trial"] not in self.state.running]
        for trial in resting[-_SHOWN:]:
            table.add_row(*self._row(trial, str(trial["epochs"])), style=_STYLES.get(trial["status"], "red"))
        for trial in self.state.running.values():
            epochs = f"{trial.get('epoch', 0)}/{self.state.epochs}"
            table.add_row(*self._row(trial | {"status": "running"}, epochs), style="cyan")
        return table

    def _row(self, trial: Event, epochs: str) -> list[str]:
        is_best = self.state.best is not None and trial["trial"] == self.state.best["trial"]
        status = "best" if is_best else trial["origin"] if trial["origin"] == "duplicate" else trial["status"]
        mixers = " ".join(dict.fromkeys(trial.get("mixers", [])))
        top1 = f"{trial['top1']:.1%}" if "top1" in trial else ""
        return [
            str(trial["trial"]),
            status,
            mixers,
            epochs,
            top1,
            show(trial["macs"], "macs"),
            show(trial["params"], ""),
        ]

    def pace(self) -> Group:
        state = self.state
        left = f", about {duration(state.left)} left" if state.left is not None else ""
        failed = f", {state.failed} failed" if state.failed else ""
        line = Text(f"{state.finished} of {state.trials} trials{failed}; {duration(state.elapsed)}{left}")
        best = Text(f"best: {describe(state.best)}" if state.best else "best: none yet", style="bold")
        return Group(ProgressBar(total=max(1, state.trials), completed=state.finished, width=60), line, best)
