"""CycleMLP (arXiv:2107.10224).

CycleMLP-T, S and B are left out: their weights are released, but not their code.
"""

from dataclasses import replace

from mlpnas.published import Published
from mlpnas.published.vip import keys
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer.of("layer", eps=1e-5)
_NARROW, _WIDE = (64, 128, 320, 512), (96, 192, 384, 768)


def _spec(widths: tuple[int, ...], depths: tuple[int, ...], early_ratio: float = 4) -> ArchSpec:
    """Return the spec; `early_ratio` is the mlp_ratio of the first two stages."""
    first, *others = (
        Stage(width, depth, Layer("cycle_fc"), mlp_ratio=early_ratio if number < 2 else 4, norm=_NORM)
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True))
    )
    stages = (first, *(replace(stage, downsample=Layer("conv")) for stage in others))
    return ArchSpec(stages, Stem(4, kernel=7), norm=_NORM)


def _model(size: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, above: str = "") -> Published:
    return Published(
        f"cycle_mlp_{size}",
        "cycle_mlp",
        spec,
        params_m,
        gflops,
        top1=top1,
        source="ShoufaChen/CycleMLP, README.md",
        notes=f"the printed FLOPs are {above} % above, as norms are counted" if above else "",
        recipe="DeiT's, 300 epochs",
        weights=f"https://github.com/ShoufaChen/CycleMLP/releases/download/v0.1/CycleMLP_{size.upper()}.pth",
    )


MODELS = (
    _model("b1", _spec(_NARROW, (2, 2, 4, 2)), 15, 2.1, 0.789),
    _model("b2", _spec(_NARROW, (2, 3, 10, 3)), 27, 3.9, 0.816),
    _model("b3", _spec(_NARROW, (3, 4, 18, 3), early_ratio=8), 38, 6.9, 0.824, above="1.0"),
    _model("b4", _spec(_NARROW, (3, 8, 27, 3), early_ratio=8), 52, 10.1, 0.830, above="0.7"),
    _model("b5", _spec(_WIDE, (3, 4, 24, 3)), 76, 12.3, 0.832, above="0.6"),
)

# ShoufaChen/CycleMLP, cycle_mlp.py, based on ViP's; sfc_h moves along the width
KEYS = (
    {
        r"^.*\.offset$": "",
        r"\.attn\.sfc_h\.": ".token_mixing.body.horizontal.",
        r"\.attn\.sfc_w\.": ".token_mixing.body.vertical.",
    }
    | keys(1, 2, 3),
)
