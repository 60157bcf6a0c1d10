"""DeiT (arXiv:2012.12877): ViT with another recipe; distilled models have one more token and one more linear layer."""

from dataclasses import replace

from mlpnas.published import Published
from mlpnas.published.vit import KEYS as VIT_KEYS
from mlpnas.published.vit import vit
from mlpnas.spec import ArchSpec

_SOURCE = "facebookresearch/deit, README_deit.md; GFLOPs: open-mmlab/mmpretrain, configs/deit/README.md"
_NORMS = "the printed GFLOPs count norms"
_TRUNCATED = f"{_NORMS}, the printed parameters are truncated to whole millions"


def _model(name: str, width: int, params_m: float, gflops: float, top1: float, timm: str, notes: str) -> Published:
    return _entry(name, vit(width), params_m, gflops, top1, timm, notes, "300 epochs")


def _distilled_model(name: str, width: int, params_m: float, gflops: float, top1: float, timm: str) -> Published:
    spec = replace(vit(width), pool="distilled")
    return _entry(name, spec, params_m, gflops, top1, timm, _NORMS, "300 epochs, distilled from RegNetY-16GF")


def _entry(
    name: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, timm: str, notes: str, recipe: str
) -> Published:
    weights = f"timm/{timm}_patch16_224.fb_in1k"
    return Published(name, "deit", spec, params_m, gflops, "MACs", top1, _SOURCE, notes, recipe, weights)


MODELS = (
    _model("deit_ti", 192, 5, 1.26, 0.722, "deit_tiny", _TRUNCATED),
    _model("deit_s", 384, 22, 4.61, 0.799, "deit_small", _NORMS),
    _model("deit_b", 768, 86, 17.58, 0.818, "deit_base", _TRUNCATED),
    _distilled_model("deit_ti_distilled", 192, 6, 1.27, 0.745, "deit_tiny_distilled"),
    _distilled_model("deit_s_distilled", 384, 22, 4.63, 0.812, "deit_small_distilled"),
    _distilled_model("deit_b_distilled", 768, 87, 17.67, 0.834, "deit_base_distilled"),
)

KEYS = VIT_KEYS
