"""SwinMLP: Swin (arXiv:2103.14030) with a matrix per head and window in place of attention. It has no paper."""

from mlpnas.published import Published
from mlpnas.published._keys import MERGING_LAST, PYRAMID
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer.of("layer", eps=1e-5)


def _spec(width: int, depths: tuple[int, ...], input_size: int, mixer: Layer) -> ArchSpec:
    stages = (Stage(width * 2**number, depth, mixer, norm=_NORM) for number, depth in enumerate(depths))
    return ArchSpec(tuple(stages), Stem(4, _NORM), input_size, norm=_NORM)


def _tiny(head_dim: int) -> ArchSpec:
    return _spec(96, (2, 2, 6, 2), 256, Layer.of("window_mlp", window=8, head_dim=head_dim))


def _model(name: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, file: str) -> Published:
    return Published(
        name,
        "swin_mlp",
        spec,
        params_m,
        gflops,
        top1=top1,
        source="microsoft/Swin-Transformer, README.md",
        recipe="Swin's, 300 epochs",
        weights=f"https://github.com/SwinTransformer/storage/releases/download/v1.0.5/swin_mlp_{file}.pth",
    )


MODELS = (
    _model("swin_mlp_t_c24", _tiny(24), 20, 4.0, 0.794, "tiny_c24_patch4_window8_256"),
    _model("swin_mlp_t_c12", _tiny(12), 21, 4.0, 0.796, "tiny_c12_patch4_window8_256"),
    _model("swin_mlp_t_c6", _tiny(6), 23, 4.0, 0.797, "tiny_c6_patch4_window8_256"),
    _model(
        "swin_mlp_b",
        _spec(128, (2, 2, 18, 2), 224, Layer("window_mlp")),
        61,
        10.4,
        0.813,
        "base_patch4_window7_224",
    ),
)

# microsoft/Swin-Transformer, models/swin_mlp.py
KEYS = ({r"\.spatial_mlp\.": ".token_mixing.body."} | MERGING_LAST | PYRAMID,)
