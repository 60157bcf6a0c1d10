"""RepMLPNet (arXiv:2112.11081) in its training form; at its own input size one partition covers the plane."""

from mlpnas.published import Published
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

_NORM = Layer("batch")
_DRIVE = "https://drive.google.com/file/d"
_MMPRETRAIN = "https://download.openmmlab.com/mmclassification/v0/repmlp/repmlp-base_3rdparty_8xb64_in1k"
_README = "Google Drive, linked in DingXiaoH/RepMLP, README.md"


def _spec(input_size: int, width: int, depth: int, share_sets: tuple[int, ...]) -> ArchSpec:
    downsample = Layer.of("conv", kernel=2, bias=False, normed=True, activation="relu")
    stages = tuple(
        Stage(
            width * 2**number,
            depth if number == 2 else 2,
            _mixer(partition=input_size // 4 // 2**number, share_sets=sets),
            norm=_NORM,
            downsample=downsample if number else Layer("merge"),
            channel_mlp=Layer("batch_norm_mlp"),
        )
        for number, sets in enumerate(share_sets)
    )
    return ArchSpec(stages, Stem(4, _NORM, bias=False, activation="relu"), input_size, norm=_NORM)


def _mixer(**options: int) -> Layer:
    defaults = {"partition": 7, "share_sets": 1}
    return Layer.of("rep_mlp", **{name: value for name, value in options.items() if value != defaults[name]})


def _model(
    name: str, spec: ArchSpec, params_m: float, gflops: float, top1: float, notes: str = "", weights: str = _README
) -> Published:
    return Published(
        name,
        "repmlpnet",
        spec,
        params_m,
        gflops,
        top1=top1,
        source="DingXiaoH/RepMLP, README.md (reproduced with its script)",
        notes=notes,
        recipe="100 epochs on ImageNet-1K, AdamW, RandAugment, Mixup, CutMix, label smoothing",
        weights=weights,
    )


MODELS = (
    _model("repmlpnet_t224", _spec(224, 64, 6, (1, 4, 16, 128)), 38.3, 2.8, 0.7662),
    _model(
        "repmlpnet_b224",
        _spec(224, 96, 12, (1, 4, 32, 128)),
        68.2,
        6.7,
        0.8032,
        "the weights are an earlier release's, top-1 0.8041 by open-mmlab/mmpretrain",
        f"{_MMPRETRAIN}_20220330-1cb1f11b.pth",
    ),
    _model(
        "repmlpnet_t256",
        _spec(256, 64, 6, (1, 4, 16, 128)),
        58.7,
        4.2,
        0.7744,
        "4.26 GMACs as counted here; the printed 4.2 is the deployed form's 4.25",
    ),
    _model(
        "repmlpnet_b256",
        _spec(256, 96, 12, (1, 4, 32, 128)),
        96.5,
        9.6,
        0.8103,
        "96.45M parameters as counted here, printed 96.45 by open-mmlab/mmpretrain; "
        "the weights are an earlier release's, top-1 0.8111 there",
        f"{_MMPRETRAIN}-256px_20220330-7c5a91ce.pth",
    ),
    _model(
        "repmlpnet_d256",
        _spec(256, 80, 18, (1, 4, 16, 128)),
        86.9,
        8.6,
        0.8083,
        weights=f"{_DRIVE}/1e5IYac0UHnJq2_lzbuE7J4rahMENX2ha",
    ),
    _model(
        "repmlpnet_l256",
        _spec(256, 96, 18, (1, 4, 32, 256)),
        117.7,
        11.5,
        0.8168,
        "117.64M and 11.61 GMACs as counted here, 117.82M and 11.58 deployed; the paper's top-1 is 0.818",
        f"{_DRIVE}/1SHhNJ6pZax9qMLm8DJZtQ_XfmcmddPYU",
    ),
)

_BLOCKS = {
    r"^stages\.(\d+)\.(\d+)\.": r"stages.\1.blocks.\2.",
    r"\.repmlp_block\.": ".token_mixing.body.",
    r"\.fc3\.": ".linear.",
    r"\.fc3_bn\.": ".norm.",
    r"\.repconv1\.": ".local.0.",
    r"\.repconv3\.": ".local.1.",
    r"\.ffn_block\.ffn_fc1\.conv\.": ".channel_mixing.body.expand.",
    r"\.ffn_block\.ffn_fc1\.bn\.": ".channel_mixing.body.expand_norm.",
    r"\.ffn_block\.ffn_fc2\.conv\.": ".channel_mixing.body.contract.",
    r"\.ffn_block\.ffn_fc2\.bn\.": ".channel_mixing.body.contract_norm.",
    r"\.bn\.": ".norm.",
}
# DingXiaoH/RepMLP, repmlpnet.py, trained or converted for deployment; open-mmlab/mmpretrain, models/backbones/repmlp.py
KEYS = (
    {
        r"^head\.": "head.classifier.",
        r"^head_norm\.": "head.norm.",
        r"^conv_embedding\.conv\.": "stem.patches.",
        r"^conv_embedding\.bn\.": "stem.norm.",
        r"^embeds\.0\.": "stages.1.downsample.",
        r"^embeds\.1\.": "stages.2.downsample.",
        r"^embeds\.2\.": "stages.3.downsample.",
        r"\.prebn1\.": ".token_mixing.norm.",
        r"\.prebn2\.": ".channel_mixing.norm.",
        r"\.gp\.fc1\.": ".gate.squeeze.",
        r"\.gp\.fc2\.": ".gate.excite.",
    }
    | _BLOCKS,
    {
        r"^backbone\.": "",
        r"^head\.fc\.": "head.classifier.",
        r"^final_norm\.": "head.norm.",
        r"^patch_embed\.projection\.": "stem.patches.",
        r"^patch_embed\.norm\.": "stem.norm.",
        r"^downsample_layers\.0\.": "stages.1.downsample.",
        r"^downsample_layers\.1\.": "stages.2.downsample.",
        r"^downsample_layers\.2\.": "stages.3.downsample.",
        r"\.norm1\.": ".token_mixing.norm.",
        r"\.norm2\.": ".channel_mixing.norm.",
        r"\.gp\.conv1\.conv\.": ".gate.squeeze.",
        r"\.gp\.conv2\.conv\.": ".gate.excite.",
    }
    | _BLOCKS,
)
