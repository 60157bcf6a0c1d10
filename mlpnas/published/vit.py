"""Vision Transformer (arXiv:2010.11929); top-1 of AugReg's weights trained on ImageNet-1K alone."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage

_TIMM = "huggingface/pytorch-image-models, results/results-imagenet.csv and benchmark-infer"


def vit(width: int, depth: int = 12) -> ArchSpec:
    """Heads of 64 channels, a class token, learned positions."""
    stage = Stage(width, depth, Layer.of("attention", head_dim=64))
    return ArchSpec((stage,), pool="cls", position_embedding=True)


MODELS = (
    Published(
        "vit_ti16", "vit", vit(192), notes="no numbers printed for ImageNet-1K alone; deit_ti is the same network"
    ),
    Published("vit_s16", "vit", vit(384), 22.05, 4.61, top1=0.78842, source=_TIMM),
    Published("vit_b16", "vit", vit(768), 86.57, 17.58, top1=0.79154, source=_TIMM),
    Published(
        "vit_l16",
        "vit",
        vit(1024, 24),
        notes="the numbers printed for ImageNet-1K alone (307M, 190.7 GFLOPs, 0.765) belong to 384 pixels",
    ),
)
