"""gMixer: timm's MLP-Mixer with SwiGLU (arXiv:2002.05202) in both MLPs. There is no paper."""

from mlpnas.published import Published
from mlpnas.published.mixer import KEYS as KEYS  # timm uses the names of its Mixer
from mlpnas.spec import ArchSpec, Layer, Stage


def _spec(depth: int) -> ArchSpec:
    return ArchSpec((Stage(384, depth, Layer("token_glu"), channel_mlp=Layer("glu_mlp")),))


MODELS = (
    Published("gmixer_12", "gmixer", _spec(12), notes="in timm without weights and numbers"),
    Published(
        "gmixer_24",
        "gmixer",
        _spec(24),
        24.72,
        5.28,
        top1=0.78048,
        source="huggingface/pytorch-image-models, results/results-imagenet.csv and benchmark-infer",
        notes="the printed FLOPs are 0.4 % above, as norms are counted",
        weights="timm/gmixer_24_224.ra3_in1k",
    ),
)
