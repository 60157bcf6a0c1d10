"""Logits equal to timm's with the same weights, every weight randomised: biases, norms, gates, tables.

The weights travel as released ones do: timm's state dict, a file, `load_checkpoint`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.mlp_mixer import Affine, MlpMixer, ResBlock
from torch import nn

from mlpnas import load_checkpoint

Theirs = str | Callable[[], nn.Module]

TIMM: dict[str, Theirs] = {
    "mixer_s16": "mixer_s16_224",
    "mixer_s32": "mixer_s32_224",
    "gmlp_ti": "gmlp_ti16_224",
    "resmlp_s12": "resmlp_12_224",
    "vit_ti16": "vit_tiny_patch16_224",
    "vit_s16": "vit_small_patch16_224",
    "vit_s16_gap": partial(timm.create_model, "vit_small_patch16_224", class_token=False, global_pool="avg"),
    "deit_ti": "deit_tiny_patch16_224",
    "deit_ti_distilled": "deit_tiny_distilled_patch16_224",
    "swin_t": "swin_tiny_patch4_window7_224",
}
LARGE: dict[str, Theirs] = {
    "mixer_b16": "mixer_b16_224",
    "mixer_b32": "mixer_b32_224",
    "mixer_l16": "mixer_l16_224",
    "mixer_l32": "mixer_l32_224",
    "gmlp_s": "gmlp_s16_224",
    "gmlp_b": "gmlp_b16_224",
    "resmlp_s24": "resmlp_24_224",
    "resmlp_s36": "resmlp_36_224",
    "resmlp_b24": partial(MlpMixer, embed_dim=768, num_blocks=24, mlp_ratio=4, block_layer=ResBlock, norm_layer=Affine),
    "resmlp_b24_8": "resmlp_big_24_224",
    "vit_b16": "vit_base_patch16_224",
    "vit_b32": "vit_base_patch32_224",
    "vit_l16": "vit_large_patch16_224",
    "deit_s": "deit_small_patch16_224",
    "deit_b": "deit_base_patch16_224",
    "deit_s_distilled": "deit_small_distilled_patch16_224",
    "deit_b_distilled": "deit_base_distilled_patch16_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
}
SMALLEST = ["mixer_s32", "gmlp_ti", "resmlp_s12", "vit_ti16", "deit_ti_distilled", "swin_t"]


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


def difference(ours: nn.Module, theirs: nn.Module, dtype: torch.dtype) -> float:
    """Return the difference of the logits, relative to the largest."""
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1), dtype=dtype)
    with torch.no_grad():
        expected, logits = theirs.to(dtype)(images), ours.to(dtype)(images)
    assert expected.std() > 0.1
    return ((logits - expected).abs().max() / expected.abs().max()).item()


def pair(name: str, made: Theirs, folder: Path) -> tuple[nn.Module, nn.Module]:
    theirs = randomised(timm.create_model(made) if isinstance(made, str) else made())
    save_file(theirs.state_dict(), folder / "timm.safetensors")
    return load_checkpoint(name, folder / "timm.safetensors"), theirs


@pytest.mark.parametrize("name", TIMM)
def test_logits_equal_timms(name: str, tmp_path: Path) -> None:
    ours, theirs = pair(name, TIMM[name], tmp_path)
    assert difference(ours, theirs, torch.float32) < 1e-5
    if name in SMALLEST:
        assert difference(ours, theirs, torch.float64) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_logits_equal_timms_large(name: str, tmp_path: Path) -> None:
    assert difference(*pair(name, LARGE[name], tmp_path), torch.float32) < 1e-5
