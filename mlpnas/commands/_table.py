"""Tables for people: rich on a terminal, aligned columns elsewhere."""

from collections.abc import Collection, Sequence
from functools import partial

from mlpnas.commands._terminal import clean, say

_NARROW = 60  # columns of a terminal


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> None:
    """Print a table; `right` names the columns that are aligned to the right."""
    from rich.table import Table

    from mlpnas.commands._console import Console

    console = Console()
    if not console.is_terminal:
        say(plain(heads, rows, right))
        return
    if console.width < _NARROW and _longest_words(heads, rows) > console.width:
        console.print("\n\n".join(map(partial(_block, heads), rows)))
        return
    table = Table(box=None, header_style="bold")
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _longest_words(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the width of a table whose cells wrap only between words."""
    columns = zip(heads, *rows, strict=True)
    return sum(1 + max(len(word) for cell in column for word in (cell.split() or [""])) for column in columns)


def _block(heads: Sequence[str], row: Sequence[str]) -> str:
    """Return a row as lines, for a terminal that is too narrow for columns."""
    return "\n".join(f"{head}: {cell}" if head.strip() else cell for head, cell in zip(heads, row, strict=True) if cell)


def plain(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """Return the table as text without colours and wrapping."""
    lines = [[clean(" ".join(cell.split())) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    set_flush = [str.rjust if head in right else str.ljust for head in heads]
    return "\n".join(
        "  ".join(flush(cell, width) for flush, cell, width in zip(set_flush, line, widths, strict=True)).rstrip()
        for line in lines
    )
