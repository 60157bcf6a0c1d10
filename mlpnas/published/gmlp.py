"""gMLP (arXiv:2105.08050). There is no official code; pooled as in timm and lucidrains/g-mlp-pytorch."""

from mlpnas.published import Published
from mlpnas.published._keys import ISOTROPIC
from mlpnas.spec import ArchSpec, Layer, Stage

_TWICE = "the printed FLOPs are 2 x MACs"
_MORE = f"{_TWICE}; the printed parameters are 0.4 % above, unexplained"
_READMES = "Andrew-Qibin/VisionPermutator, README.md"


def _model(
    name: str, width: int, params_m: float, gflops: float, top1: float, source: str, notes: str, weights: str = ""
) -> Published:
    return Published(
        name,
        "gmlp",
        ArchSpec((Stage(width, 30, Layer("gmlp"), mlp_ratio=0),)),
        params_m,
        gflops,
        "2 x MACs",
        top1,
        f"gMLP paper, Table 1; top-1: {source}",
        notes,
        recipe="300 epochs with mixup and CutMix, second-hand",
        weights=weights,
    )


MODELS = (
    _model("gmlp_ti", 128, 5.9, 2.7, 0.723, "Figure 2", _TWICE),
    _model(
        "gmlp_s",
        256,
        19.5,
        8.9,
        0.796,
        _READMES,
        f"{_MORE}, as are 0.7 % of the FLOPs when norms are counted; the weights are timm's own training (0.797)",
        "timm/gmlp_s16_224.ra3_in1k",
    ),
    _model("gmlp_b", 512, 73.4, 31.6, 0.816, _READMES, f"{_MORE}; the FLOPs are those of a count with norms"),
)

# timm
KEYS = (
    {
        r"\.(\d+)\.norm\.": r".\1.token_mixing.norm.",
        r"\.mlp_channels\.": ".token_mixing.body.",
        r"\.fc1\.": ".expand.",
        r"\.fc2\.": ".contract.",
        r"\.gate\.proj\.": ".gate.mix.",
    }
    | ISOTROPIC,
)
