"""Vision Transformer (arXiv:2010.11929); top-1 of AugReg's weights trained on ImageNet-1K alone."""

from dataclasses import replace

from mlpnas.published import Published
from mlpnas.published._keys import ATTENTION, ISOTROPIC
from mlpnas.spec import LAYER_NORM, NO_NORM, ArchSpec, Layer, Stage, Stem

_TIMM = "huggingface/pytorch-image-models, results/results-imagenet.csv and benchmark-infer"
_RECIPE = "AugReg (arXiv:2106.10270), 300 epochs on ImageNet-1K"
_NORMS = "the printed GFLOPs count norms"
_MORE_DATA = "the weights were pretrained on ImageNet-21K"


def vit(width: int, depth: int = 12, patch: int = 16) -> ArchSpec:
    """Return a ViT with heads of 64 channels, a class token and learned positions."""
    stage = Stage(width, depth, Layer.of("attention", head_dim=64))
    return ArchSpec((stage,), Stem(patch), pool="cls", position_embedding=True)


def _model(
    name: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, weights: str, notes: str = ""
) -> Published:
    return Published(
        name, "vit", spec, params_m, gflops, top1=top1, source=_TIMM, notes=notes, recipe=_RECIPE, weights=weights
    )


MODELS = (
    Published(
        "vit_ti16",
        "vit",
        vit(192),
        notes=f"no numbers printed for ImageNet-1K alone; deit_ti is the same network; {_MORE_DATA}",
        weights="timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    ),
    _model("vit_s16", vit(384), 22.05, 4.61, 0.78842, "timm/vit_small_patch16_224.augreg_in1k", _NORMS),
    Published(
        "vit_s16_gap",
        "vit",
        replace(vit(384), pool="avg", norm=NO_NORM, pooled_norm=LAYER_NORM),
        notes="no numbers printed; vit_s16 without the class token: the mean of all tokens, and the norm behind it",
    ),
    _model("vit_b16", vit(768), 86.57, 17.58, 0.79154, "timm/vit_base_patch16_224.augreg_in1k", _NORMS),
    _model("vit_b32", vit(768, patch=32), 88.22, 4.41, 0.74908, "timm/vit_base_patch32_224.augreg_in1k"),
    Published(
        "vit_l16",
        "vit",
        vit(1024, 24),
        notes="the numbers printed for ImageNet-1K alone (307M, 190.7 GFLOPs, 0.765) belong to 384 pixels; "
        f"{_MORE_DATA}",
        weights="timm/vit_large_patch16_224.augreg_in21k_ft_in1k",
    ),
)

# timm, and facebookresearch/deit, models.py
KEYS = (
    {
        r"^cls_token$": "stem.class_token",
        r"^dist_token$": "stem.distillation_token",
        r"^pos_embed$": "stem.positions",
        r"^fc_norm\.": "head.pooled_norm.",
        r"^head_dist\.": "head.distilled_classifier.",
    }
    | ATTENTION
    | ISOTROPIC,
)
