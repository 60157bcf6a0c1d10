"""The receptive fields of a network as pictures, their words and their colours."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpnas.costs import cost
from mlpnas.named import word
from mlpnas.receptive_field import Extent, Field, block_fields, extent, receptive_fields
from mlpnas.report.wording import options
from mlpnas.run import Run
from mlpnas.spec import ArchSpec

DECADES = 3  # of gradient, from the lightest to the darkest shade
RAMP = ("#dbe6f4", "#a9c4e6", "#6f9bd3", "#2457a6", "#0c2450")
NOWHERE = "#ffffff"  # pixels that do not count

_CLOSE = 15  # tokens around the centre that are shown of a block's field, unless it reaches further
_MACS = 20e9  # of the largest network that the report draws, in some seconds
_BYTES = 4 * 2**30  # of activations, kept for the gradients


class Panel(NamedTuple):
    """The receptive fields of one stage.

    Attributes:
        title, mixer, options: which stage it is; its depth and mixer; the mixer's options, defaults included.
        block: field of its first block, cut to what lies around the centre token; of (height, width) tokens.
        network: field of the network up to the end of the stage, in pixels.
        block_words, network_words: how far each reaches.
    """

    title: str
    mixer: str
    options: str
    block: Field
    network: Field
    block_words: str
    network_words: str


def panels(spec: ArchSpec) -> list[Panel]:
    """Return a panel for each stage; raises as `build` does."""
    fields = zip(spec.stages, spec.grids(), block_fields(spec), receptive_fields(spec), strict=True)
    return [
        Panel(
            f"stage {number}",
            f"{stage.depth} x {stage.mixer.name}",
            ", ".join(f"{name} {word(value)}" for name, value in options(stage.mixer).items()),
            crop_to_centre(block),
            network,
            f"{sides(extent(block).box)} of {sides(size[:2])} tokens",
            reach(extent(network)),
        )
        for number, (stage, size, block, network) in enumerate(fields, 1)
    ]


def is_affordable(spec: ArchSpec, macs: float) -> bool:
    """Return whether a network has at most `macs`, and its gradients fit into memory; raises as `cost` does."""
    known = cost(spec)
    return known.macs <= macs and known.activation_bytes <= _BYTES


def reach(found: Extent) -> str:
    """Say how far a field reaches: 104x104 px (11 %), 95 % in 54x53."""
    return f"{sides(found.box)} px ({percent(found.share)}), 95 % in {sides(found.core)}"


def sides(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def percent(share: float) -> str:
    """Write a share: 0.0105 -> "1.1 %", 0.117 -> "12 %"; "100 %" is exactly all."""
    whole = 100 * share if share == 1 else min(100 * share, 99)
    return f"{whole:.0f} %" if whole >= 10 else f"{whole:.2g} %"


def crop_to_centre(field: Field) -> Field:
    """Cut a field to the part around its centre with strong gradients (arXiv:1701.04128: 1 / 22), and a margin."""
    strong = extent(np.where(field > field.max() / 22, field, 0))
    half = max(_CLOSE, *(side + 2 for side in strong.box)) // 2
    rows, columns = (slice(max(side // 2 - half, 0), side // 2 + half + 1) for side in field.shape)
    return field[rows, columns]


def strength(field: Field) -> NDArray[np.float64]:
    """Return gradients on a logarithmic scale: 1 for the strongest, 0 for DECADES less, NaN for none at all."""
    with np.errstate(divide="ignore"):
        logs = np.log10(field / field.max())
    return np.where(field > 0, np.clip(1 + logs / DECADES, 0, 1), np.nan)


class Drawing(NamedTuple):
    """A panel of one trial for the page; the pictures are data URIs."""

    trial: int
    panel: Panel
    block: str
    network: str


def drawings(run: Run) -> list[Drawing]:
    """Draw the best trial's declared network stage by stage; nothing if that takes too long or cannot be built."""
    if not run.done():
        return []
    try:
        best = run.best()
        spec = run.spec(best)
        drawn = panels(spec) if is_affordable(spec, _MACS) else []
        return [Drawing(best.trial, panel, picture(panel.block), picture(panel.network)) for panel in drawn]
    except Exception:  # a mixer of a package that is missing here, memory: no picture is worth a report
        return []


def picture(field: Field) -> str:
    """Return a field as a PNG in a data URI, one dot for each value."""
    from PIL import Image

    levels = np.nan_to_num(1 + 254 * strength(field), nan=0).round().astype(np.uint8)
    image, file = Image.fromarray(levels), BytesIO()
    image.putpalette(palette().tobytes())
    image.save(file, "PNG")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def palette() -> NDArray[np.uint8]:
    """Return (256, 3) colours: NOWHERE, then the ramp."""
    stops = [[int(colour[n : n + 2], 16) for n in (1, 3, 5)] for colour in RAMP]
    places = np.linspace(0, len(RAMP) - 1, 255)
    ramp = np.stack([np.interp(places, range(len(RAMP)), channel) for channel in zip(*stops, strict=True)], 1)
    return np.vstack([np.full(3, 255), ramp.round()]).astype(np.uint8)
