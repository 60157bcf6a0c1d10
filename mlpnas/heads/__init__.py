"""Heads: one file = one head = one `nn.Module`, found by its file's name (classifier.py: Classifier).

    tasks = ("classify",)               the tasks that can train it
    def __init__(self, width: int, grid: Grid, classes: int, norm: nn.Module, pooled_norm: nn.Module) -> None
    def forward(self, x: Tensor) -> ...         # the last stage's tokens, (batch, *grid.shape, width)

`width` and `grid` are those of the last stage; `norm` is to be applied before pooling, `pooled_norm` after it.
Keyword-only arguments are options. The constructor raises ShapeError, naming the remedy, for what does not fit.

A head that reads every stage has two attributes more. What it computes on a stage's tokens is a module of its own, so
that its cost is known stage by stage; the counting tables of a space add up the costs of all these modules.

    level = PyramidLevel                a module class with the head's options:
                                        PyramidLevel(number: int, width: int, grid: Grid, classes: int, norm: nn.Module)
                                        number: of the stage, from 0; norm: the stage's; forward: as a head's
    def join(self, levels: nn.ModuleList, maps: Sequence[Tensor]) -> ...

`join` replaces `forward`: `maps` are the outputs of all stages, (batch, height, width, width of the stage). It has to
cost what `forward` and the levels' `forward` cost together; a contract test says so.
"""
