"""mlpnas doctor: check whether this machine is ready for a search."""

from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from mlpnas.engine.checkup import Finding

_SIGNS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("PROBLEM", "bold red")}


def doctor(
    ray: Annotated[bool, typer.Option(help="Start Ray and measure its overhead per trial, about 20 s.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Check packages, processors, memory, disks, data and Ray; exit with 1 if there is a problem."""
    import json
    from contextlib import redirect_stdout
    from dataclasses import asdict
    from sys import stderr, stdout

    from mlpnas.engine.checkup import findings

    output, seen = stdout, []
    with redirect_stdout(stderr):  # Ray prints messages of its own
        for finding in findings(ray):
            seen.append(finding)
            if not as_json:
                _show(finding, output)
    if as_json:
        print(json.dumps([asdict(finding) for finding in seen]))
    raise typer.Exit(any(finding.state == "problem" for finding in seen))


def _show(finding: "Finding", output: TextIO) -> None:
    from rich.text import Text

    from mlpnas.commands._console import Console
    from mlpnas.commands._terminal import clean

    sign, style = _SIGNS[finding.state]
    line = Text.assemble((f"{sign:8}", style), f"{finding.name:14}", clean(finding.text))
    if finding.remedy:
        line.append(f"\n{'':22}{clean(finding.remedy)}", style="bold")
    Console(file=output).print(line, soft_wrap=True)
