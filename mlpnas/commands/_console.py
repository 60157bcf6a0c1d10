"""The console of rich that all commands share."""

from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.text import Text

from mlpnas.commands._terminal import clean


class Console(RichConsole):
    """Prints text as it is, cleaned: a name like [red] is no markup, and an escape sequence is not obeyed."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(file=file, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(clean(text), **options)
