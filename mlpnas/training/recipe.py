"""The recipe of a training, and its fidelity. Frozen, JSON both ways, recorded with every trial."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from mlpnas.documents import parse_json
from mlpnas.errors import RecipeError, TextError, did_you_mean
from mlpnas.plain_text import quoted, shortened

if TYPE_CHECKING:
    from mlpnas.spec import ArchSpec

PRECISIONS = ("fp32", "bf16")
FLIPS = ("auto", "yes", "no")
_MOST_PADDING = 1024  # pixels


@dataclass(frozen=True)
class Recipe:
    """AdamW with linear warm-up and cosine decay; weight decay spares norms, biases, other vectors and position tables.

    Attributes:
        epochs: full passes over the training samples.
        batch_size: images per step; memory may split it into parts whose gradients are added up.
        learning_rate: the highest, reached after `warmup_epochs`.
        clip_norm: largest norm of the gradient; None leaves gradients as they are.
        precision: fp32, or bf16 (autocast; weights, softmax and loss stay in fp32).
        ema_decay: evaluates and keeps a moving average of weights and buffers; None: the weights themselves.
        drop_path: stochastic depth in the last block, 0 in the first, linear between (arXiv:1603.09382).
        crop_padding: share of the image's shorter side by which a random crop may be off, like 0.125; 0 leaves crops
            out. An integer from 1 up counts pixels of the stored image, as recipes of earlier versions do.
        flip: whether half of the images are mirrored: yes, no, or auto: where the data allow it.
        input_size: pixels that the proxy network sees; None: as declared.
        samples: training images in use; None: all.
        width_scale: widths of the proxy network over the declared ones.

    Raises:
        RecipeError: a value out of its range.
    """

    epochs: int = 8
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_epochs: float = 1.0
    label_smoothing: float = 0.1
    clip_norm: float | None = 1.0
    precision: str = "fp32"
    ema_decay: float | None = None
    drop_path: float = 0.0
    crop_padding: float = 0.0
    flip: str = "auto"
    input_size: int | None = None
    samples: int | None = None
    width_scale: float = 1.0

    def __post_init__(self) -> None:
        for name, (is_right, wanted) in _RULES.items():
            value = getattr(self, name)
            if not is_right(value):
                raise RecipeError(f"recipe.{name}: expected {wanted}, got {quoted(value)}")
        if self.warmup_epochs >= self.epochs and self.warmup_epochs:
            raise RecipeError(
                f"recipe.warmup_epochs: {self.warmup_epochs:g} leave nothing of {self.epochs} epochs; "
                f"take fewer than {self.epochs}"
            )

    def network(self, spec: "ArchSpec") -> "ArchSpec":
        """Return the network that is trained in place of `spec` at this fidelity; see task.fit_to_data for the data.

        Raises:
            ShapeError: no input size fits the architecture.
        """
        from mlpnas.training.proxy import proxy  # here, for it loads torch, and most who read a recipe need none

        return proxy(spec, input_size=self.input_size, width_scale=self.width_scale)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def dumps(self) -> str:
        """Return canonical JSON text: sorted keys, no spaces, all fields."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: Any) -> "Recipe":
        """Read a mapping of fields, where those left out take their defaults; raises RecipeError for anything else."""
        if not isinstance(data, Mapping):
            raise RecipeError(f"recipe: expected a mapping of options, got {quoted(data)}")
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                hint = did_you_mean(name, known).removeprefix(" - ") or f"it has {', '.join(known)}"
                raise RecipeError(f"recipe.{shortened(name)}: no such option; {hint}")
        if isinstance(flip := data.get("flip"), bool):  # as earlier versions wrote it
            data = {**data, "flip": "auto" if flip else "no"}
        return cls(**data)

    @classmethod
    def loads(cls, text: str) -> "Recipe":
        """Read the JSON of a recipe; raises RecipeError for anything else."""
        try:
            data = parse_json(text)
        except TextError as error:
            raise RecipeError(f"recipe: not JSON ({error})") from None
        return cls.from_json(data)


Rule = tuple[Callable[[Any], bool], str]


def _integer(least: int, most: int, optional: bool = False) -> Rule:
    def is_right(value: Any) -> bool:
        return (value is None and optional) or (type(value) is int and least <= value <= most)

    return is_right, f"an integer from {least} to {most}" + (" or null" if optional else "")


def _number(least: float, below: float, optional: bool = False) -> Rule:
    """Return the rule of a number with `least` <= number < `below`."""

    def is_right(value: Any) -> bool:
        return optional if value is None else type(value) in (int, float) and least <= value < below

    return is_right, f"a number of at least {least:g} and below {below:g}" + (" or null" if optional else "")


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1


def _is_whole(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


_RULES: dict[str, Rule] = {
    "epochs": _integer(1, 1_000_000),
    "batch_size": _integer(1, 1_000_000),
    "learning_rate": _number(1e-8, 100),
    "weight_decay": _number(0, 1000),
    "warmup_epochs": _number(0, 1_000_000),
    "label_smoothing": _number(0, 1),
    "clip_norm": _number(1e-6, 1e9, optional=True),
    "precision": (lambda value: value in PRECISIONS, " or ".join(PRECISIONS)),
    "ema_decay": _number(0, 1, optional=True),
    "drop_path": _number(0, 1),
    "crop_padding": (
        lambda value: _is_share(value) or _is_whole(value, _MOST_PADDING),
        f"a share of the image of at least 0 and below 1 (or whole pixels up to {_MOST_PADDING})",
    ),
    "flip": (lambda value: value in FLIPS, "auto, yes or no"),
    "input_size": _integer(1, 8192, optional=True),
    "samples": _integer(2, 10**9, optional=True),
    "width_scale": _number(1 / 64, 16),
}
