"""PoolFormer (arXiv:2111.11418), as timm builds it: the last norm comes after pooling."""

from dataclasses import replace

from mlpnas.published import Published
from mlpnas.published._keys import PYRAMID
from mlpnas.spec import LAYER_NORM, NO_NORM, ArchSpec, Layer, Stage, Stem

_README = "sail-sg/poolformer, README.md"
_HEAD = "the released code has a group norm before the last pooling; timm loads its weights behind it, as a layer norm"
_SMALL, _MEDIUM = (64, 128, 320, 512), (96, 192, 384, 768)


def _spec(widths: tuple[int, ...], blocks: int, layer_scale: float) -> ArchSpec:
    """Return the spec with half of the blocks in the third stage and a sixth in each other."""
    depths = (blocks // 6, blocks // 6, blocks // 2, blocks // 6)
    first, *others = (
        Stage(width, depth, Layer("pooling"), norm=Layer("group"), layer_scale=layer_scale)
        for width, depth in zip(widths, depths, strict=True)
    )
    stages = (first, *(replace(stage, downsample=Layer("conv")) for stage in others))
    return ArchSpec(stages, Stem(4, kernel=7), norm=NO_NORM, pooled_norm=LAYER_NORM)


def _model(
    name: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, source: str = _README, notes: str = _HEAD
) -> Published:
    return Published(
        name,
        "poolformer",
        spec,
        params_m,
        gflops,
        top1=top1,
        source=source,
        notes=notes,
        recipe="300 epochs, augmented as DeiT",
        weights=f"timm/{name}.sail_in1k",
    )


MODELS = (
    _model("poolformer_s12", _spec(_SMALL, 12, 1e-5), 12, 1.8, 0.772, f"{_README} (timm's evaluation: 0.7724)"),
    _model("poolformer_s24", _spec(_SMALL, 24, 1e-5), 21, 3.4, 0.803, f"{_README} (timm's evaluation: 0.8029)"),
    _model("poolformer_s36", _spec(_SMALL, 36, 1e-6), 31, 5.0, 0.814),
    _model("poolformer_m36", _spec(_MEDIUM, 36, 1e-6), 56, 8.8, 0.821),
    _model(
        "poolformer_m48",
        _spec(_MEDIUM, 48, 1e-6),
        73,
        11.6,
        0.825,
        notes=f"{_HEAD}; the printed FLOPs are 0.6 % above, as norms are counted",
    ),
)

# timm
KEYS = (
    {
        r"^stem\.conv\.": "stem.patches.",
        r"^head\.norm\.": "head.pooled_norm.",
        r"\.layer_scale1\.scale$": ".token_mixing.scale.weight",
        r"\.layer_scale2\.scale$": ".channel_mixing.scale.weight",
    }
    | PYRAMID,
)
