"""ArchSpec: one architecture as data. Cost, module, training and record follow from it alone.

Frozen, hashable, JSON both ways. The JSON leaves out what equals its default, so a field that a later version adds
changes no key of an architecture that does not use it.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from hashlib import sha256
from typing import Any, NamedTuple, Self

from mlpnas.errors import ShapeError, SpecError

Scalar = str | int | float | bool | None


class Grid(NamedTuple):
    """The tokens of a layer: a plane of height x width, and `extra` tokens beside it (CLS)."""

    height: int
    width: int
    extra: int = 0

    @property
    def tokens(self) -> int:
        return self.height * self.width + self.extra

    @property
    def shape(self) -> tuple[int, ...]:
        """The token axes: (height, width), or (tokens,) once extra tokens break the plane."""
        return (self.tokens,) if self.extra else (self.height, self.width)


@dataclass(frozen=True)
class Layer:
    """A plug-in by name, with the options that were given to it. JSON: "name" or {"name": {option: value}}."""

    name: str
    options: tuple[tuple[str, Scalar], ...] = ()

    @classmethod
    def of(cls, name: str, **options: Scalar) -> Self:
        return cls(name, tuple(sorted(options.items())))

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Raises SpecError where `data` is neither a name nor {name: {option: scalar}}."""
        match data:
            case str():
                return cls(data)
            case dict() if len(data) == 1:
                ((name, options),) = data.items()
                if isinstance(name, str) and _is_options(options):
                    return cls.of(name, **(options or {}))
        raise SpecError(f'expected "name" or {{"name": {{option: value}}}}, got {data!r}')

    def to_json(self) -> Any:
        return {self.name: dict(self.options)} if self.options else self.name

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={value}" for name, value in self.options)
        return f"{self.name}({inner})" if inner else self.name


def _is_options(data: Any) -> bool:
    return data is None or (
        isinstance(data, dict)
        and all(isinstance(k, str) and (v is None or isinstance(v, (str, int, float, bool))) for k, v in data.items())
    )


LAYER_NORM = Layer("layer")


@dataclass(frozen=True)
class Stem:
    """Patch embedding: a convolution with kernel = stride = patch, then a norm."""

    patch: int = 16
    norm: Layer = Layer("none")


@dataclass(frozen=True)
class Stage:
    """`depth` equal blocks on one grid: x + mixer(norm(x)), then x + channel_mlp(norm(x)).

    Attributes:
        width: channels.
        mlp_ratio: hidden width of the channel MLP over `width`; 0 leaves that branch out (gMLP).
        layer_scale: initial value of LayerScale on both branches; None leaves it out.
        downsample: how the stage's input is made from the stage before: merge (2x2 patch merging), none.
            The first stage has none.
    """

    width: int
    depth: int
    mixer: Layer
    mlp_ratio: float = 4
    norm: Layer = LAYER_NORM
    layer_scale: float | None = None
    downsample: Layer = Layer("merge")


@dataclass(frozen=True)
class ArchSpec:
    """A backbone with its classifier.

    Attributes:
        input_size: pixels, one number for a square or (height, width).
        channels: of the image.
        norm: before pooling.
        pool: avg, or cls (adds a class token beside the grid).
        position_embedding: a learned table added to the tokens after the stem.
    """

    stages: tuple[Stage, ...]
    stem: Stem = Stem()
    input_size: int | tuple[int, int] = 224
    channels: int = 3
    classes: int = 1000
    norm: Layer = LAYER_NORM
    pool: str = "avg"
    position_embedding: bool = False

    @property
    def image(self) -> tuple[int, int]:
        """(height, width) of the input in pixels."""
        return (self.input_size, self.input_size) if isinstance(self.input_size, int) else self.input_size

    def grids(self) -> tuple[Grid, ...]:
        """The token grid of every stage.

        Raises:
            ShapeError: the patch does not divide the image, or an odd grid would have to be merged.
        """
        (height, width), patch = self.image, self.stem.patch
        if height % patch or width % patch:
            raise ShapeError(
                f"patch {patch} does not divide the input {height}x{width}; sizes that fit are multiples of {patch}"
            )
        grid = Grid(height // patch, width // patch, int(self.pool == "cls"))
        grids = [grid]
        for number, stage in enumerate(self.stages[1:], 2):
            if stage.downsample.name != "none":
                grid = halved(grid, number)
            grids.append(grid)
        return tuple(grids)

    def at(self, input_size: int | tuple[int, int]) -> "ArchSpec":
        """The same architecture for another input size."""
        return replace(self, input_size=input_size)

    @property
    def key(self) -> str:
        """12 hex digits that name the architecture: equal specs, equal keys."""
        return sha256(self.dumps().encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        return _to_json(self)

    def dumps(self) -> str:
        """Canonical JSON text: sorted keys, no spaces, defaults left out."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: Any) -> "ArchSpec":
        """Raises SpecError, naming the place, where `data` is no architecture."""
        spec: ArchSpec = _from_json(cls, data, "spec")
        if not spec.stages:
            raise SpecError("spec.stages: needs at least one stage")
        if spec.pool not in ("avg", "cls"):
            raise SpecError(f"spec.pool: {spec.pool!r} is not one of avg, cls")
        return spec

    @classmethod
    def loads(cls, text: str) -> "ArchSpec":
        """Raises SpecError where `text` is not the JSON of an architecture."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise SpecError(f"not JSON: {error}") from None
        return cls.from_json(data)


def halved(grid: Grid, number: int) -> Grid:
    """The grid behind the patch merging before stage `number` (from 1).

    Raises:
        ShapeError: the grid is odd, or has tokens beside the plane.
    """
    if grid.extra:
        raise ShapeError(f"stage {number}: patch merging needs a plane, and pool: cls adds a token; use pool: avg")
    if grid.height % 2 or grid.width % 2:
        raise ShapeError(
            f"stage {number}: patch merging needs an even grid, got {grid.height}x{grid.width}; "
            f"sizes that fit are multiples of patch x 2^mergings (32 for patch 4 and 4 stages)"
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


def _from_json(cls: Any, data: Any, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise SpecError(f"{path}: expected a mapping, got {data!r}")
    known = {f.name: f for f in fields(cls)}
    if extra := set(data) - set(known):
        raise SpecError(f"{path}: has no field {sorted(map(str, extra))[0]!r}; it has {', '.join(known)}")
    if missing := [n for n, f in known.items() if f.default is MISSING and n not in data]:
        raise SpecError(f"{path}: {missing[0]!r} is missing")
    return cls(**{name: _READERS[cls][name](item, f"{path}.{name}") for name, item in data.items()})


def _integer(data: Any, path: str) -> int:
    if isinstance(data, bool) or not isinstance(data, (int, float)) or data != int(data) or data < 1:
        raise SpecError(f"{path}: expected a positive integer, got {data!r}")
    return int(data)


def _number(data: Any, path: str) -> float:
    if isinstance(data, bool) or not isinstance(data, (int, float)) or not 0 <= data < 1e6:
        raise SpecError(f"{path}: expected a number of at least 0, got {data!r}")
    return data


def _layer(data: Any, path: str) -> Layer:
    try:
        return Layer.from_json(data)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def _flag(data: Any, path: str) -> bool:
    if not isinstance(data, bool):
        raise SpecError(f"{path}: expected true or false, got {data!r}")
    return data


def _size(data: Any, path: str) -> int | tuple[int, int]:
    if isinstance(data, (list, tuple)) and len(data) == 2:
        return _integer(data[0], path), _integer(data[1], path)
    return _integer(data, path)


def _stages(data: Any, path: str) -> tuple[Stage, ...]:
    if not isinstance(data, (list, tuple)):
        raise SpecError(f"{path}: expected a list of stages, got {data!r}")
    return tuple(_from_json(Stage, item, f"{path}[{number}]") for number, item in enumerate(data))


_READERS: dict[type, dict[str, Any]] = {
    Stem: {"patch": _integer, "norm": _layer},
    Stage: {
        "width": _integer,
        "depth": _integer,
        "mixer": _layer,
        "mlp_ratio": _number,
        "norm": _layer,
        "layer_scale": lambda data, path: None if data is None else _number(data, path),
        "downsample": _layer,
    },
    ArchSpec: {
        "stages": _stages,
        "stem": lambda data, path: _from_json(Stem, data, path),
        "input_size": _size,
        "channels": _integer,
        "classes": _integer,
        "norm": _layer,
        "pool": lambda data, path: str(data),
        "position_embedding": _flag,
    },
}
