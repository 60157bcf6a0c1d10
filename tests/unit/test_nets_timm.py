"""Logits equal to timm's with the same weights, every weight randomised: biases, norms, gates, tables."""

import re
from collections.abc import Mapping

import pytest
import timm
import torch
from torch import Tensor, nn

from mlpnas.nets.network import Network, build
from mlpnas.published import find

HEAD = {
    r"^(head\.)?norm\.": "head.norm.",
    r"^head\.(fc\.)?(weight|bias)$": r"head.classifier.\2",
}
ISOTROPIC = HEAD | {r"^(stem|patch_embed)\.proj\.": "stem.patches.", r"^blocks\.": "stages.0.blocks."}
MIXER = ISOTROPIC | {
    r"\.norm1\.": ".token_mixing.norm.",
    r"\.norm2\.": ".channel_mixing.norm.",
    r"\.mlp_tokens\.fc1\.": ".token_mixing.body.expand.",
    r"\.mlp_tokens\.fc2\.": ".token_mixing.body.contract.",
    r"\.mlp(_channels)?\.fc1\.": ".channel_mixing.body.expand.",
    r"\.mlp(_channels)?\.fc2\.": ".channel_mixing.body.contract.",
}
GMLP = ISOTROPIC | {
    r"\.(\d+)\.norm\.": r".\1.token_mixing.norm.",
    r"\.mlp_channels\.fc1\.": ".token_mixing.body.expand.",
    r"\.mlp_channels\.fc2\.": ".token_mixing.body.contract.",
    r"\.mlp_channels\.gate\.norm\.": ".token_mixing.body.gate.norm.",
    r"\.mlp_channels\.gate\.proj\.": ".token_mixing.body.gate.mix.",
}
RESMLP = MIXER | {
    r"\.alpha$": ".weight",
    r"\.beta$": ".bias",
    r"\.linear_tokens\.": ".token_mixing.body.mix.",
    r"\.ls1$": ".token_mixing.scale.weight",
    r"\.ls2$": ".channel_mixing.scale.weight",
}
VIT = MIXER | {
    r"^cls_token$": "stem.class_token",
    r"^pos_embed$": "stem.positions",
    r"\.attn\.qkv\.": ".token_mixing.body.qkv.",
    r"\.attn\.proj\.": ".token_mixing.body.project.",
}
SWIN = VIT | {
    r"^layers\.": "stages.",
    r"^patch_embed\.norm\.": "stem.norm.",
    r"\.relative_position_bias_table$": ".position_bias",
    r"\.attn\.position_bias": ".token_mixing.body.position_bias",
    r"\.reduction\.": ".reduce.",
}

TIMM = {
    "mixer_s16": ("mixer_s16_224", MIXER),
    "mixer_s32": ("mixer_s32_224", MIXER),
    "gmlp_ti": ("gmlp_ti16_224", GMLP),
    "resmlp_s12": ("resmlp_12_224", RESMLP),
    "vit_ti16": ("vit_tiny_patch16_224", VIT),
    "vit_s16": ("vit_small_patch16_224", VIT),
    "deit_ti": ("deit_tiny_patch16_224", VIT),
    "swin_t": ("swin_tiny_patch4_window7_224", SWIN),
}
LARGE = {
    "mixer_b16": ("mixer_b16_224", MIXER),
    "mixer_b32": ("mixer_b32_224", MIXER),
    "gmlp_s": ("gmlp_s16_224", GMLP),
    "gmlp_b": ("gmlp_b16_224", GMLP),
    "resmlp_s24": ("resmlp_24_224", RESMLP),
    "resmlp_s36": ("resmlp_36_224", RESMLP),
    "vit_b16": ("vit_base_patch16_224", VIT),
    "deit_s": ("deit_small_patch16_224", VIT),
    "deit_b": ("deit_base_patch16_224", VIT),
    "swin_s": ("swin_small_patch4_window7_224", SWIN),
    "swin_b": ("swin_base_patch4_window7_224", SWIN),
}


def renamed(state: Mapping[str, Tensor], names: Mapping[str, str], network: Network) -> dict[str, Tensor]:
    """A state dict of timm's under our names; tables lose their leading axes of 1."""
    ours = {}
    for key, tensor in state.items():
        for pattern, name in names.items():
            key = re.sub(pattern, name, key)
        ours[key] = tensor.reshape(network.state_dict()[key].shape)
    return ours


def randomised(model: nn.Module) -> nn.Module:
    """Matrices keep the scale of what goes through them; vectors (norms, biases, LayerScale) move by 0.2."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.squeeze().ndim > 1:
                parameter.copy_(noise * parameter.squeeze()[0].numel() ** -0.5)
            else:
                parameter.add_(noise, alpha=0.2)
    return model.eval()


def check(name: str, timm_name: str, names: Mapping[str, str]) -> None:
    theirs = randomised(timm.create_model(timm_name))
    ours = build(find(name).spec).eval()
    ours.load_state_dict(renamed(dict(theirs.named_parameters()), names, ours))
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, logits = theirs(images), ours(images)
    assert expected.std() > 0.1
    assert ((logits - expected).abs().max() / expected.abs().max()).item() < 1e-5


@pytest.mark.parametrize("name", TIMM)
def test_logits_equal_timms(name: str) -> None:
    check(name, *TIMM[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_logits_equal_timms_large(name: str) -> None:
    check(name, *LARGE[name])
