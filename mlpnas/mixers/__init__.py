"""Token mixers: one file = one mixer = one `nn.Module`, found by its file's name (axial_shift.py: AxialShift).

    def __init__(self, dim: int, grid: Grid, *, shift_size: int = 5, dilation: int = 1) -> None
    def forward(self, x: Tensor) -> Tensor      # (batch, height, width, dim) -> the same shape

The keyword-only arguments, annotated int, float, bool or str, are the options in YAML. Where `grid.extra` > 0 (a
class token) the input is (batch, tokens, dim), extra tokens first. The network adds the norm before, LayerScale, drop
path and the residual. A constructor raises ShapeError, naming the remedy, for a `dim`, `grid` or option that does not
fit. Cost is measured, so a mixer declares none. `init_weights(self)`, where a module has it, runs after the network's
own initialisation of what is inside that module (linears: truncated normal 0.02, biases 0).

Optional class attributes:

    fixed_grid = True                   the weights belong to one grid, so the input size cannot change
    plane = True                        needs height x width: no extra tokens
    alternating = "shifted"             the option that is True in every second block of a stage, unless it is given
    convolutional = True                linears of its stages start as the convolutions that they are as released do
    scales_with_width = ("head_dim",)   options that a width-scaled proxy scales along
    divides_grid = ("window",)          options that must divide the grid: on a smaller one a proxy goes down
    no_weight_decay = ("positions",)    parameters that weight decay spares, as it does all vectors; for any module
    reparameterised = "deployed"        the option that is True in the form for use; `deployed()` returns that module
"""
