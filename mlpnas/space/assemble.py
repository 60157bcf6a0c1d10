"""Assembly of stages and specs from the values of a walk, and the cost that each stage adds to a network."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from mlpnas.costs import Cost, piece_cost, stage_cost
from mlpnas.errors import ShapeError
from mlpnas.nets.plan import downsample_piece, head_piece, level_piece, stem_piece
from mlpnas.spec import ArchSpec, Grid, Stage, Stem, halve

_STAGE_FIELDS = {"width_factor", *(field.name for field in fields(Stage))}


class State(NamedTuple):
    """Width and grid of the tokens after a stage."""

    width: int
    grid: Grid


class Assembly:
    """Builder of stages and specs from the values of the network's level.

    Args:
        image: channels and classes for a network that leaves them out; default: those of ImageNet.
    """

    def __init__(self, network: Mapping[str, Any], count: int, image: Mapping[str, int]) -> None:
        self.network, self.count = network, count
        self.image: Mapping[str, Any] = {**image, **network.get("input", {})}

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return ArchSpec((), **({"input_size": self.image["size"]} if "size" in self.image else {})).image

    def stage(self, number: int, values: Mapping[str, Any]) -> Stage:
        """Return a stage; raise ShapeError if width times width_factor is no whole number."""
        own = {name: value for name, value in self.network.items() if name in _STAGE_FIELDS} | dict(values)
        factor = own.pop("width_factor", 1)
        width = own["width"] * factor
        if width != int(width) or width < 1:
            raise ShapeError(f"stage {number + 1}: width {own['width']} times {factor} is no whole number")
        if not number:
            own.pop("downsample", None)
        return Stage(**{**own, "width": int(width)})

    def spec(self, stages: Sequence[Stage]) -> ArchSpec:
        """Return the architecture of these stages; the final norm is the last stage's unless the head names one."""
        head, stem = (self.network.get(name, {}) for name in ("head", "stem"))
        given = {
            "input_size": self.image.get("size"),
            "channels": self.image.get("channels"),
            "classes": self.image.get("classes"),
            "pool": head.get("pool"),
            "pooled_norm": head.get("pooled_norm"),
            "position_embedding": self.network.get("position_embedding"),
            "head": head.get("kind"),
        }
        known = {name: value for name, value in given.items() if value is not None}
        return ArchSpec(tuple(stages), Stem(**stem), norm=head.get("norm", stages[-1].norm), **known)

    def extend(self, number: int, state: State | None, stage: Stage) -> tuple[Cost, State]:
        """Return the cost that stage `number` adds after `state`, and the state after it.

        The first stage includes the stem, every other its downsample, the last one the head.

        Raises:
            ShapeError: the stage does not fit there.
        """
        spec = self.spec([stage])
        if state is None:
            grid = spec.grids()[0]
            cost = piece_cost(stem_piece(spec, grid))
        else:
            grid = halve(state.grid, number + 1) if stage.downsample.name != "none" else state.grid
            cost = piece_cost(downsample_piece(state.width, stage, state.grid))
        cost += stage_cost(stage, grid)
        if level := level_piece(spec, number, stage, grid):
            cost += piece_cost(level)
        if number == self.count - 1:
            cost += piece_cost(head_piece(spec, grid))
        return cost, State(stage.width, grid)
