"""ViP, the Vision Permutator (arXiv:2106.12368), with weighted Permute-MLPs."""

from dataclasses import replace

from mlpnas.published import Published
from mlpnas.published._keys import ATTENTION, PYRAMID
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer.of("layer", eps=1e-5)
_NONE, _HALVED = Layer("none"), Layer.of("conv", kernel=2)
_README = "Andrew-Qibin/VisionPermutator, README.md"
_DRIVE = "https://drive.google.com/file/d/"


def _spec(patch: int, widths: tuple[int, ...], depths: tuple[int, ...], halved: int | None = None) -> ArchSpec:
    """Return four stages, of which at most one, number `halved` (from 0), starts with a downsampling."""
    first, *others = (
        Stage(width, depth, Layer("permute"), mlp_ratio=3, norm=_NORM)
        for width, depth in zip(widths, depths, strict=True)
    )
    downsampled = (
        replace(stage, downsample=_HALVED if number == halved else _NONE) for number, stage in enumerate(others, 1)
    )
    return ArchSpec((first, *downsampled), Stem(patch), norm=_NORM)


def _model(
    name: str, spec: ArchSpec, params_m: float, gflops: float, above: float, top1: float, weights: str
) -> Published:
    return Published(
        name,
        "vip",
        spec,
        params_m,
        gflops,
        top1=top1,
        source=f"{_README}; GFLOPs: BR-IDL/PaddleViT, image_classification/ViP/README.md",
        notes=f"the printed FLOPs are {above} % above, as norms and elementwise work are counted",
        recipe="300 epochs, AdamW, RandAugment, random erasing, mixup, cutmix",
        weights=_DRIVE + weights,
    )


MODELS = (
    Published(
        "vip_small14",
        "vip",
        _spec(14, (384, 384, 384, 384), (4, 3, 8, 3)),
        notes="in the released code without weights and numbers",
    ),
    _model(
        "vip_small7",
        _spec(7, (192, 384, 384, 384), (4, 3, 8, 3), halved=1),
        25,
        7.0,
        1.4,
        0.815,
        "1cX6eauDrsGsLSZnqsX7cl0oiKX8Dzv5z",
    ),
    _model(
        "vip_medium7",
        _spec(7, (256, 256, 512, 512), (4, 3, 14, 3), halved=2),
        55,
        16.4,
        0.7,
        0.827,
        "15y5WMypthpbBFdc01E3mJCZit7q0Yn8m",
    ),
    _model(
        "vip_large7",
        _spec(7, (256, 512, 512, 512), (8, 8, 16, 4), halved=1),
        88,
        24.5,
        0.7,
        0.832,
        "14F5IXGXmB_3jrwK33Efae-WEb5D_G85c",
    ),
)


def keys(*downsampled: int) -> dict[str, str]:
    """Return the map of the released names, which number blocks and downsamples (of `stages`) in one sequence."""
    row = [
        f"stages.{stage}.{part}."
        for stage in range(4)
        for part in ("downsample", "blocks")
        if part == "blocks" or stage in downsampled
    ]
    places = {rf"^network\.{place}\.": name for place, name in enumerate(row)}
    return places | {r"\.downsample\.proj\.": ".downsample.conv."} | _MIXER | ATTENTION | PYRAMID


_MIXER = {
    r"\.attn\.mlp_h\.": ".token_mixing.body.vertical.",
    r"\.attn\.mlp_w\.": ".token_mixing.body.horizontal.",
    r"\.attn\.mlp_c\.": ".token_mixing.body.pointwise.",
    r"\.attn\.reweight\.fc1\.": ".token_mixing.body.reweight.reduce.",
    r"\.attn\.reweight\.fc2\.": ".token_mixing.body.reweight.expand.",
}

# Andrew-Qibin/VisionPermutator, models/vip.py: Small/7 and Large/7, Medium/7, Small/14
KEYS = (keys(1), keys(2), keys())
