"""A linear classifier of pooled tokens."""

from torch import Tensor, nn

from mlpnas.spec import Grid


class Classifier(nn.Module):
    """Norm, pooling, norm, linear classifier; (B, *tokens, width) -> (B, classes).

    Pooling takes the mean of all tokens where the grid has no extra token, and otherwise the class token. With a
    distillation token beside it, both have a classifier each, whose logits are averaged.
    """

    tasks = ("classify",)

    def __init__(self, width: int, grid: Grid, classes: int, norm: nn.Module, pooled_norm: nn.Module) -> None:
        super().__init__()
        self.norm, self.pooled_norm = norm, pooled_norm
        self.classifier = nn.Linear(width, classes)
        self.distilled_classifier = nn.Linear(width, classes) if grid.extra > 1 else None
        self.has_class_token = bool(grid.extra)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(1, -2)
        logits = self.classifier(self.pooled_norm(tokens[:, 0] if self.has_class_token else tokens.mean(1)))
        if self.distilled_classifier is None:
            return logits
        return (logits + self.distilled_classifier(self.pooled_norm(tokens[:, 1]))) / 2
