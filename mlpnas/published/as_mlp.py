"""AS-MLP (arXiv:2107.08391): Swin's pyramid with axial shifts for attention, and norms over the whole map."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer("group")
_README = "svip-lab/AS-MLP, README.md"


def _spec(width: int, depths: tuple[int, ...]) -> ArchSpec:
    shift = Layer("axial_shift")
    stages = (Stage(width * 2**number, depth, shift, norm=_NORM) for number, depth in enumerate(depths))
    return ArchSpec(tuple(stages), Stem(4, _NORM), norm=_NORM)


MODELS = (
    Published("as_mlp_t", "as_mlp", _spec(96, (2, 2, 6, 2)), 28, 4.4, top1=0.813, source=_README),
    Published("as_mlp_s", "as_mlp", _spec(96, (2, 2, 18, 2)), 50, 8.5, top1=0.831, source=_README),
    Published(
        "as_mlp_b",
        "as_mlp",
        _spec(128, (2, 2, 18, 2)),
        88,
        15.2,
        top1=0.833,
        source=_README,
        notes="15.13 GMACs as counted here; the printed 15.2 fits no count of the released code",
    ),
)
