"""MLP-Mixer (arXiv:2105.01601)."""

from mlpnas.published import Published
from mlpnas.published._keys import ISOTROPIC
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_TABLE_1 = "MLP-Mixer paper, Table 1"
_HEADLESS = "the printed parameters exclude the classifier"
_NORMS = "the printed FLOPs are 0.6 to 0.8 % above, as if norms and elementwise work were counted"
_TAG = "the weights' tag says ImageNet-21K, their accuracy ({}) is that of training on ImageNet-1K alone"
_ALONE = "from scratch on ImageNet-1K alone"


def _spec(width: int, depth: int, patch: int) -> ArchSpec:
    return ArchSpec((Stage(width, depth, Layer("token_mlp")),), Stem(patch))


MODELS = (
    Published("mixer_s32", "mixer", _spec(512, 8, 32), 19, source=_TABLE_1, notes=_HEADLESS),
    Published("mixer_s16", "mixer", _spec(512, 8, 16), 18, source=_TABLE_1, notes=_HEADLESS),
    Published("mixer_b32", "mixer", _spec(768, 12, 32), 60, source=_TABLE_1, notes=_HEADLESS),
    Published(
        "mixer_b16",
        "mixer",
        _spec(768, 12, 16),
        59,
        12.7,
        top1=0.764,
        source=f"{_TABLE_1}; GFLOPs and top-1: microsoft/Swin-Transformer, README.md",
        notes=f"{_HEADLESS}; {_NORMS}; 0.785 with DeiT's recipe; {_TAG.format(0.766)}",
        recipe=_ALONE,
        weights="timm/mixer_b16_224.goog_in21k_ft_in1k",
    ),
    Published("mixer_l32", "mixer", _spec(1024, 24, 32), 206, source=_TABLE_1, notes=_HEADLESS),
    Published(
        "mixer_l16",
        "mixer",
        _spec(1024, 24, 16),
        207,
        44.8,
        top1=0.718,
        source=f"{_TABLE_1}; GFLOPs and top-1 second-hand, from a public review's table",
        notes=f"{_HEADLESS}; {_NORMS}; {_TAG.format(0.721)}",
        recipe=_ALONE,
        weights="timm/mixer_l16_224.goog_in21k_ft_in1k",
    ),
)

# timm; the paper's own release is for JAX
KEYS = (
    ISOTROPIC
    | {
        r"\.mlp_tokens\.fc1\.": ".token_mixing.body.expand.",
        r"\.mlp_tokens\.fc2\.": ".token_mixing.body.contract.",
    },
)
