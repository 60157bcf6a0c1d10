"""gMLP (arXiv:2105.08050). There is no official code; pooled as in timm and lucidrains/g-mlp-pytorch."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage


def _model(name: str, width: int, params_m: float, gflops: float, top1: float, source: str) -> Published:
    spec = ArchSpec((Stage(width, 30, Layer("gmlp"), mlp_ratio=0),))
    return Published(name, "gmlp", spec, params_m, gflops, "2 x MACs", top1, f"gMLP paper, Table 1; top-1: {source}")


MODELS = (
    _model("gmlp_ti", 128, 5.9, 2.7, 0.723, "Figure 2"),
    _model("gmlp_s", 256, 19.5, 8.9, 0.796, "Andrew-Qibin/VisionPermutator, README.md"),
    _model("gmlp_b", 512, 73.4, 31.6, 0.816, "Andrew-Qibin/VisionPermutator, README.md"),
)
