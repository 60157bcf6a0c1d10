"""A head that reads every stage, as those of detection and segmentation do."""

from collections.abc import Sequence

from torch import Tensor, nn

from mlpnas.spec import Grid


class PyramidLevel(nn.Module):
    """A norm and a linear of `channels` outputs on the tokens of a stage; the first stage has one linear more."""

    def __init__(
        self, number: int, width: int, grid: Grid, classes: int, norm: nn.Module, *, channels: int = 8
    ) -> None:
        super().__init__()
        self.norm, self.reduce = norm, nn.Linear(width, channels)
        self.fuse = nn.Identity() if number else nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(self.reduce(self.norm(x)))


class Pyramid(nn.Module):
    """The mean of all levels, classified, plus what is read from the last stage alone."""

    tasks = ("classify",)
    level = PyramidLevel

    def __init__(
        self, width: int, grid: Grid, classes: int, norm: nn.Module, pooled_norm: nn.Module, *, channels: int = 8
    ) -> None:
        super().__init__()
        self.norm, self.last = norm, nn.Linear(width, channels)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self._last(x))

    def join(self, levels: nn.ModuleList, maps: Sequence[Tensor]) -> Tensor:
        read = [level(x).flatten(1, 2).mean(1) for level, x in zip(levels, maps, strict=True)]
        return self.classifier(self._last(maps[-1]) + sum(read))

    def _last(self, x: Tensor) -> Tensor:
        return self.last(self.norm(x).flatten(1, 2).mean(1))
