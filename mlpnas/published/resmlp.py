"""ResMLP (arXiv:2105.03404)."""

from mlpnas.published import Published
from mlpnas.published._keys import ISOTROPIC
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_AFFINE = Layer("affine")
_README = "facebookresearch/deit, README_resmlp.md"
_RECIPE = "DeiT's with LAMB, 400 epochs"


def _spec(width: int, depth: int, layer_scale: float, patch: int = 16) -> ArchSpec:
    stage = Stage(width, depth, Layer("token_linear"), norm=_AFFINE, layer_scale=layer_scale)
    return ArchSpec((stage,), Stem(patch), norm=_AFFINE)


MODELS = (
    Published(
        "resmlp_s12",
        "resmlp",
        _spec(384, 12, 0.1),
        15,
        3.0,
        top1=0.766,
        source=f"{_README}; top-1 second-hand (timm's evaluation: 0.7666)",
        notes="LayerScale starts at 0.1 as released, at 1e-4 in timm",
        recipe=_RECIPE,
        weights="timm/resmlp_12_224.fb_in1k",
    ),
    Published(
        "resmlp_s24",
        "resmlp",
        _spec(384, 24, 1e-5),
        30,
        6.0,
        top1=0.794,
        source="microsoft/Swin-Transformer, README.md (timm's evaluation: 0.7938)",
        recipe=_RECIPE,
        weights="timm/resmlp_24_224.fb_in1k",
    ),
    Published(
        "resmlp_s36",
        "resmlp",
        _spec(384, 36, 1e-6),
        45,
        8.9,
        top1=0.797,
        source="second-hand, from a public review's table (timm's evaluation: 0.7977)",
        notes="README_resmlp.md prints another model's cost for it (116M, 23B)",
        recipe=_RECIPE,
        weights="timm/resmlp_36_224.fb_in1k",
    ),
    Published(
        "resmlp_b24",
        "resmlp",
        _spec(768, 24, 1e-6),
        116,
        23.0,
        top1=0.81,
        source="microsoft/Swin-Transformer, README.md",
        notes="patch 16; neither configured in the released code nor released as weights",
        recipe=_RECIPE,
    ),
    Published(
        "resmlp_b24_8",
        "resmlp",
        _spec(768, 24, 1e-6, patch=8),
        129,
        100,
        top1=0.81034,
        source=f"{_README}; top-1: huggingface/pytorch-image-models, results/results-imagenet.csv",
        notes="patch 8, the B24 of the released code",
        recipe=_RECIPE,
        weights="timm/resmlp_big_24_224.fb_in1k",
    ),
)

# timm, and facebookresearch/deit, resmlp_models.py
KEYS = (
    {
        r"\.(linear_tokens|attn)\.": ".token_mixing.body.mix.",
        r"\.(ls|gamma_)1$": ".token_mixing.scale.weight",
        r"\.(ls|gamma_)2$": ".channel_mixing.scale.weight",
        r"\.alpha$": ".weight",
        r"\.beta$": ".bias",
    }
    | ISOTROPIC,
)
