"""Multi-head self-attention (arXiv:1706.03762), over all tokens as in ViT (arXiv:2010.11929)."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid

_FUSED_FROM = 128  # tokens


class Attention(nn.Module):
    """Attention with dim // head_dim heads, over all tokens. x: (B, *tokens, C) -> the same shape.

    Raises:
        ShapeError: `head_dim` does not divide `dim`.
    """

    scales_with_width = ("head_dim",)

    def __init__(self, dim: int, grid: Grid, *, head_dim: int = 32) -> None:
        super().__init__()
        self.heads = count_heads("attention", dim, head_dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = split_heads(self.qkv(x.flatten(1, -2)), self.heads)
        return self.project(join_heads(attend(query, key, value))).reshape(x.shape)


def count_heads(mixer: str, dim: int, head_dim: int) -> int:
    """Return the number of heads; raises ShapeError if they do not fill `dim`."""
    if head_dim < 1 or dim % head_dim:
        fitting = ", ".join(str(size) for size in range(1, dim + 1) if dim % size == 0)
        raise ShapeError(f"{mixer}: head_dim {head_dim} does not divide width {dim}; those that do: {fitting}")
    return dim // head_dim


def split_heads(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split (B, N, 3 * C) into three of (B, heads, N, C // heads)."""
    query, key, value = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind()
    return query, key, value


def join_heads(x: Tensor) -> Tensor:
    """Join (B, heads, N, C // heads) to (B, N, C)."""
    return x.transpose(1, 2).flatten(2)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return softmax(query key^T / sqrt(D) + bias) value, for (B, heads, N, D).

    Args:
        bias: (G, heads, N, N); G divides B, and the bias repeats along it.
    """
    if _fuses(query, bias):
        if bias is not None and len(bias) > 1:  # one alone is broadcast
            bias = bias.repeat(query.shape[0] // len(bias), 1, 1, 1)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    scores = (query * query.shape[-1] ** -0.5) @ key.mT
    if bias is not None:
        scores = (scores.unflatten(0, (-1, len(bias))) + bias).flatten(0, 1)
    return scores.softmax(-1) @ value


def _fuses(query: Tensor, bias: Tensor | None) -> bool:
    """Return whether one fused kernel is faster than two products with a softmax between, as measured.

    On a CPU it takes 0.3 to 1 of the time in inference; in training 0.5 to 0.8 with many tokens, but 1 to 1.3 with few,
    2 to 7 in bfloat16, and it has no gradient for the bias. In bfloat16 inference it needs AMX. On the meta device the
    scores are to be counted.
    """
    if query.device.type != "cpu":
        return query.device.type != "meta"
    if query.dtype in (torch.bfloat16, torch.float16):
        return not torch.is_grad_enabled() and _has_amx()
    return not torch.is_grad_enabled() or (query.shape[-2] >= _FUSED_FROM and (bias is None or not bias.requires_grad))


@cache
def _has_amx() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict[str, bool])()  # newer than the oldest torch we take
    return bool(capabilities.get("amx_bf16"))
