"""MLP-Mixer (arXiv:2105.01601)."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_TABLE_1 = "MLP-Mixer paper, Table 1"
_HEADLESS = "the printed parameters exclude the classifier"


def _spec(width: int, depth: int, patch: int) -> ArchSpec:
    return ArchSpec((Stage(width, depth, Layer("token_mlp")),), Stem(patch))


MODELS = (
    Published("mixer_s32", "mixer", _spec(512, 8, 32), 19, source=_TABLE_1, notes=_HEADLESS),
    Published("mixer_s16", "mixer", _spec(512, 8, 16), 18, source=_TABLE_1, notes=_HEADLESS),
    Published("mixer_b32", "mixer", _spec(768, 12, 32), 60, source=_TABLE_1, notes=_HEADLESS),
    Published(
        "mixer_b16",
        "mixer",
        _spec(768, 12, 16),
        59,
        12.7,
        top1=0.764,
        source=f"{_TABLE_1}; GFLOPs and top-1: microsoft/Swin-Transformer, README.md",
        notes=f"{_HEADLESS}; 0.785 with DeiT's recipe",
    ),
    Published("mixer_l32", "mixer", _spec(1024, 24, 32), 206, source=_TABLE_1, notes=_HEADLESS),
    Published(
        "mixer_l16",
        "mixer",
        _spec(1024, 24, 16),
        207,
        44.8,
        top1=0.718,
        source=f"{_TABLE_1}; GFLOPs and top-1 second-hand, from a public review's table",
        notes=_HEADLESS,
    ),
)
