"""Swin Transformer (arXiv:2103.14030)."""

from mlpnas.published import Published
from mlpnas.published._keys import ATTENTION, MERGING_LAST, PYRAMID
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer.of("layer", eps=1e-5)


def _spec(width: int, depths: tuple[int, ...]) -> ArchSpec:
    attention = Layer("window_attention")
    stages = (Stage(width * 2**number, depth, attention, norm=_NORM) for number, depth in enumerate(depths))
    return ArchSpec(tuple(stages), Stem(4, _NORM), norm=_NORM)


def _model(name: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, timm: str) -> Published:
    return Published(
        name,
        "swin",
        spec,
        params_m,
        gflops,
        top1=top1,
        source="microsoft/Swin-Transformer, README.md",
        recipe="300 epochs on ImageNet-1K",
        weights=f"timm/{timm}_patch4_window7_224.ms_in1k",
    )


MODELS = (
    _model("swin_t", _spec(96, (2, 2, 6, 2)), 28, 4.5, 0.812, "swin_tiny"),
    _model("swin_s", _spec(96, (2, 2, 18, 2)), 50, 8.7, 0.832, "swin_small"),
    _model("swin_b", _spec(128, (2, 2, 18, 2)), 88, 15.4, 0.835, "swin_base"),
)

_TIMM = (
    {
        r"^.*\.(relative_position_index|attn_mask)$": "",
        r"\.attn\.relative_position_bias_table$": ".token_mixing.body.position_bias",
    }
    | ATTENTION
    | PYRAMID
)
# timm; microsoft/Swin-Transformer, models/swin_transformer.py
KEYS = (_TIMM, MERGING_LAST | _TIMM)
