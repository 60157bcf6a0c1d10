"""ResMLP (arXiv:2105.03404)."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage

_AFFINE = Layer("affine")


def _spec(depth: int, layer_scale: float) -> ArchSpec:
    stage = Stage(384, depth, Layer("token_linear"), norm=_AFFINE, layer_scale=layer_scale)
    return ArchSpec((stage,), norm=_AFFINE)


MODELS = (
    Published(
        "resmlp_s12",
        "resmlp",
        _spec(12, 0.1),
        15,
        3.0,
        top1=0.766,
        source="facebookresearch/deit, README_resmlp.md; top-1 second-hand (timm's evaluation: 0.7666)",
    ),
    Published(
        "resmlp_s24",
        "resmlp",
        _spec(24, 1e-5),
        30,
        6.0,
        top1=0.794,
        source="microsoft/Swin-Transformer, README.md (timm's evaluation: 0.7938)",
    ),
    Published(
        "resmlp_s36",
        "resmlp",
        _spec(36, 1e-6),
        45,
        8.9,
        top1=0.797,
        source="second-hand, from a public review's table (timm's evaluation: 0.7977)",
        notes="README_resmlp.md prints another model's cost for it (116M, 23B)",
    ),
)
