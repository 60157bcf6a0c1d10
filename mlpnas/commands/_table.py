"""A table for people: rich on a terminal, aligned columns elsewhere."""

from collections.abc import Collection, Sequence

from mlpnas.plain_text import visible


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> None:
    """`right` names the columns that are set flush right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        print(plain(heads, rows, right))
        return
    table = Table(box=None, header_style="bold")
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell, keep="\n")) for cell in row))  # no markup: names are the user's
    console.print(table)


def plain(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """The same as text without colours, never wrapped."""
    lines = [heads, *([visible(" ".join(cell.split())) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    set_flush = [str.rjust if head in right else str.ljust for head in heads]
    return "\n".join(
        "  ".join(flush(cell, width) for flush, cell, width in zip(set_flush, line, widths, strict=True)).rstrip()
        for line in lines
    )
