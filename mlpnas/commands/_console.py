"""The rich console of all commands."""

from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.text import Text

from mlpnas.commands._terminal import clean


class Console(RichConsole):
    """A console that prints cleaned plain text: [red] is no markup, and escape sequences have no effect."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(file=file, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(clean(text), **options)
