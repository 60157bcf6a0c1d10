"""Swin Transformer (arXiv:2103.14030)."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer.of("layer", eps=1e-5)
_README = "microsoft/Swin-Transformer, README.md"


def _spec(width: int, depths: tuple[int, ...]) -> ArchSpec:
    attention = Layer("window_attention")
    stages = (Stage(width * 2**number, depth, attention, norm=_NORM) for number, depth in enumerate(depths))
    return ArchSpec(tuple(stages), Stem(4, _NORM), norm=_NORM)


MODELS = (
    Published("swin_t", "swin", _spec(96, (2, 2, 6, 2)), 28, 4.5, top1=0.812, source=_README),
    Published("swin_s", "swin", _spec(96, (2, 2, 18, 2)), 50, 8.7, top1=0.832, source=_README),
    Published("swin_b", "swin", _spec(128, (2, 2, 18, 2)), 88, 15.4, top1=0.835, source=_README),
)
