"""DeiT (arXiv:2012.12877), not distilled: ViT with another recipe."""

from mlpnas.published import Published
from mlpnas.published.vit import vit

_SOURCE = "facebookresearch/deit, README_deit.md; GFLOPs: open-mmlab/mmpretrain, configs/deit/README.md"

MODELS = (
    Published("deit_ti", "deit", vit(192), 5, 1.26, top1=0.722, source=_SOURCE),
    Published("deit_s", "deit", vit(384), 22, 4.61, top1=0.799, source=_SOURCE),
    Published("deit_b", "deit", vit(768), 86, 17.58, top1=0.818, source=_SOURCE),
)
