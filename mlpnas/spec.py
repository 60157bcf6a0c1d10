"""ArchSpec: one architecture as data. Cost, module, training and record follow from it alone.

Frozen, hashable, JSON both ways. The JSON leaves out what equals its default, so a field that a later version adds
changes no key of an architecture that does not use it.
"""

import json
import re
from dataclasses import MISSING, dataclass, fields, replace
from hashlib import sha256
from typing import Annotated, Any, Literal, NamedTuple, get_args

from mlpnas.documents import parse_json
from mlpnas.errors import ShapeError, SpecError, TextError
from mlpnas.from_json import kind_of, read_fields
from mlpnas.kinds import Number, Size
from mlpnas.named import Named
from mlpnas.plain_text import quoted

Activation = Literal["none", "relu", "gelu"]
Pool = Literal["avg", "cls", "distilled"]
Channels = Annotated[int, Number(most=65_536)]
Side = Annotated[int, Number(most=8192)]  # in pixels


class Grid(NamedTuple):
    """The tokens of a layer: a plane of height x width, and `extra` tokens before it (class, distillation)."""

    height: int
    width: int
    extra: int = 0

    @property
    def tokens(self) -> int:
        """Number of tokens, the extra ones included."""
        return self.height * self.width + self.extra

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the token axes: (height, width), or (tokens,) where there are extra tokens."""
        return (self.tokens,) if self.extra else (self.height, self.width)


@dataclass(frozen=True, eq=False)
class Layer(Named):
    """A mixer, a norm, or another layer by name, with the options that were given to it."""


LAYER_NORM, NO_NORM = Layer("layer"), Layer("none")


@dataclass(frozen=True)
class Stem:
    """The first layer, which makes tokens: by default patches, a convolution of stride `patch`, a norm, an activation.

    Attributes:
        patch: side of the input over the side of the first stage's grid.
        kernel: of the convolution; None: `patch`. A larger one overlaps; zero padding keeps the grid at input / patch.
        kind: a file of mlpnas/stems/.
    """

    patch: Side = 16
    norm: Layer = NO_NORM
    kernel: Annotated[int | None, Number(most=8192, none=True)] = None
    bias: bool = True
    activation: Activation = "none"
    kind: Layer = Layer("patches")


@dataclass(frozen=True)
class Stage:
    """`depth` equal blocks on one grid: x + mixer(norm(x)), then x + channel_mlp(norm(x)).

    Attributes:
        width: channels.
        mlp_ratio: hidden width of the channel MLP over `width`; 0 leaves that branch out (gMLP).
        layer_scale: initial value of LayerScale on both branches; None leaves it out.
        downsample: how the stage's input is made from the stage before: merge (2x2 patch merging), conv (stride 2),
            none. The first stage has none.
        channel_mlp: its kind: mlp, batch_norm_mlp (RepMLPNet), glu_mlp (gMixer).
    """

    width: Channels
    depth: Annotated[int, Number(most=1000)]
    mixer: Layer
    mlp_ratio: Annotated[float, Number(whole=False, least=0, most=1000)] = 4
    norm: Layer = LAYER_NORM
    layer_scale: Annotated[float | None, Number(whole=False, least=0, most=1000, none=True)] = None
    downsample: Layer = Layer("merge")
    channel_mlp: Layer = Layer("mlp")


@dataclass(frozen=True)
class ArchSpec:
    """A backbone with its head.

    Attributes:
        input_size: pixels, one number for a square or (height, width).
        channels: of the image.
        classes: outputs of the head.
        norm: before pooling. pooled_norm: after it.
        pool: avg over all tokens; cls: a class token beside the grid; distilled: a class and a distillation token with
            a classifier each, whose logits are averaged (DeiT).
        position_embedding: a learned table added to the tokens after the stem.
        head: a file of mlpnas/heads/.
    """

    stages: tuple[Stage, ...]
    stem: Stem = Stem()
    input_size: Annotated[int | tuple[int, int], Size()] = 224
    channels: Channels = 3
    classes: Annotated[int, Number(most=1_000_000)] = 1000
    norm: Layer = LAYER_NORM
    pool: Pool = "avg"
    position_embedding: bool = False
    pooled_norm: Layer = NO_NORM
    head: Layer = Layer("classifier")

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return (self.input_size, self.input_size) if isinstance(self.input_size, int) else self.input_size

    @property
    def stride(self) -> int:
        """Pixels per token side of the last stage: the sides of the input must be multiples of it."""
        return self.stem.patch * 2 ** sum(stage.downsample.name != "none" for stage in self.stages[1:])

    def grids(self) -> tuple[Grid, ...]:
        """Return the token grid of every stage.

        Raises:
            ShapeError: the patch does not divide the image, or an odd grid would have to be merged.
        """
        (height, width), patch = self.image, self.stem.patch
        if height % patch or width % patch:
            raise ShapeError(
                f"patch {patch} does not divide the input {height}x{width}; sizes that fit are multiples of {patch}"
            )
        grid = Grid(height // patch, width // patch, get_args(Pool).index(self.pool))
        grids = [grid]
        for number, stage in enumerate(self.stages[1:], 2):
            if stage.downsample.name != "none":
                grid = halve(grid, number)
            grids.append(grid)
        return tuple(grids)

    def at(self, input_size: int | tuple[int, int]) -> "ArchSpec":
        """Return the same architecture for another input size."""
        return replace(self, input_size=input_size)

    @property
    def key(self) -> str:
        """Twelve hex digits that name the architecture: equal specs have equal keys."""
        return sha256(self.dumps().encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data; what equals its default is left out."""
        return _to_json(self)

    def dumps(self) -> str:
        """Return canonical JSON text: sorted keys, no spaces, defaults left out."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: Any) -> "ArchSpec":
        """Read what `to_json` returns; raises SpecError, naming the place, where `data` is no architecture."""
        spec: ArchSpec = read_fields(cls, data, "spec")
        if not spec.stages:
            raise SpecError("spec.stages: needs at least one stage")
        return spec

    @classmethod
    def loads(cls, text: str) -> "ArchSpec":
        """Read what `dumps` returns; raises SpecError if `text` is not the JSON of an architecture."""
        try:
            data = parse_json(text)
        except TextError as error:
            raise SpecError(f"not JSON: {error}") from None
        return cls.from_json(data)


def read_size(text: str) -> int | tuple[int, int]:
    """Return an input size as ArchSpec holds it: "224" -> 224, "192x320" (height x width) -> (192, 320).

    Raises:
        SpecError: neither.
    """
    kind, sides = kind_of(ArchSpec, "input_size"), re.fullmatch(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", text)
    size = [int(side) for side in sides.groups() if side] if sides else []
    wanted = size[0] if len(size) == 1 else size
    if not (isinstance(kind, Size) and kind.fits(wanted)):
        raise SpecError(f"input size {quoted(text)}: write pixels like 224, or height x width like 192x320")
    return kind.read(wanted)


def halve(grid: Grid, number: int) -> Grid:
    """Return the grid after the downsampling before stage `number` (from 1).

    Raises:
        ShapeError: the grid is odd, or has tokens beside the plane.
    """
    if grid.extra:
        raise ShapeError(f"stage {number}: downsampling needs a plane, and pool: cls adds a token; use pool: avg")
    if grid.height % 2 or grid.width % 2:
        raise ShapeError(
            f"stage {number}: downsampling needs an even grid, got {grid.height}x{grid.width}; "
            f"sizes that fit are multiples of patch x 2^downsamplings (32 for patch 4 and 4 stages)"
        )
    return Grid(grid.height // 2, grid.width // 2)


def _to_json(value: Any) -> Any:
    match value:
        case Layer():
            return value.to_json()
        case Stem() | Stage() | ArchSpec():
            items = ((f, getattr(value, f.name)) for f in fields(value))
            return {f.name: _to_json(item) for f, item in items if f.default is MISSING or item != f.default}
        case tuple():
            return [_to_json(item) for item in value]
    # 4 and 4.0 are one architecture and must have one key
    return int(value) if isinstance(value, float) and value.is_integer() else value
