"""The document docs/published.md: the table of the published models with exact counts."""

from collections.abc import Iterator, Sequence

from mlpnas.commands._comparison import Row

_INTRODUCTION = """\
# Published models

Made by `mlpnas published --markdown > docs/published.md`; a test says when it is out of date.

Every model can be built, costed and searched from by its name. Each is counted three times, for one image of its size:

- **params, MACs**: by `mlpnas.cost`. 1 MAC is 1 multiply-accumulate of a convolution, a linear or an attention product;
  biases, norms, activations, pooling and shifts count 0.
- **upstream**: in the implementation named below, built and counted; as data in `mlpnas/published/measured.csv`.
  Ours are equal to the unit: a difference would be marked **!** and fails a test.
- **printed**: by the authors, params in millions and MACs in billions; FLOPs printed as 2 x MACs are halved.
  **Why**: `=` where ours round to every printed digit; what does not is explained.

**Resolution** says what becomes of trained weights at another input size: *free*, they fit as they are; *interpolated*,
they fit once the position table is resampled to the new grid; *fixed*, a mixer's weights belong to one grid, and
`spec.at(size)` is another network. **Top-1** is on ImageNet-1K's validation images, trained on ImageNet-1K alone.
*Deployed* rows are the re-parameterised form, which `mlpnas.deploy` makes; printed params are the trained form's.
"""


def document(rows: Sequence[Row]) -> str:
    """Return the document in Markdown: the table, then the sources."""
    return "\n".join([_INTRODUCTION, *_table(rows), "", "## Sources", "", *_sources(rows), ""])


def _table(rows: Sequence[Row]) -> Iterator[str]:
    counts = ["upstream", "printed"]
    yield _line(["name", "input", "resolution", "params", *counts, "MACs", *counts, "top-1", "why"])
    yield _line(["---", "---:", "---", *["---:"] * 7, "---"])
    for row in rows:
        yield _line(_cells(row))


def _cells(row: Row) -> list[str]:
    model, upstream = row.model, row.upstream
    mark = "" if row.equal else " **!**"
    return [
        f"`{model.name}`" + (" deployed" if row.form == "deploy" else ""),
        str(row.spec.input_size),
        row.resolution,
        f"{row.ours.params:,}",
        f"{upstream.params:,}{mark}" if upstream else "",
        "" if row.printed_params is None else f"{row.printed_params}",
        f"{row.ours.macs:,}",
        f"{upstream.macs:,}{mark}" if upstream else "",
        "" if row.printed_gmacs is None else f"{row.printed_gmacs}",
        "" if model.top1 is None else f"{model.top1:.1%}",
        "; ".join(filter(None, ("=" if row.as_printed else "", model.notes))),
    ]


def _sources(rows: Sequence[Row]) -> Iterator[str]:
    yield _line(["name", "printed in", "upstream"])
    yield _line(["---"] * 3)
    for row in rows:
        if row.form == "train":
            yield _line([f"`{row.model.name}`", row.model.source, row.upstream.upstream if row.upstream else ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
