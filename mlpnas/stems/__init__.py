"""Stems: one file = one stem = one `nn.Module`, found by its file's name (patches.py: Patches).

    def __init__(self, channels: int, width: int, grid: Grid, spec: Stem, norm: nn.Module, activation: nn.Module,
                 positions: bool) -> None
    def forward(self, inputs: Tensor) -> Tensor     # (batch, channels, height, width) -> (batch, *grid.shape, width)

A side of the input is `spec.patch` times the grid's. `grid.extra` tokens come first. `positions`: a learned table is
added to the tokens, as a parameter called `positions`. Keyword-only arguments are options. The constructor raises
ShapeError, naming the remedy, for what does not fit.

Optional class attribute:

    dtype = torch.int64                 of the inputs, where they are not float32
"""
