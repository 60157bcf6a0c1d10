"""Maps of tensor names that several families' released weights share; each family's KEYS build on them.

A map holds regular expressions and their replacements, in the order of application; "" drops a tensor.
"""

_ENDS_AND_BRANCHES = {
    r"^(stem|patch_embed)\.proj\.": "stem.patches.",
    r"^patch_embed\.norm\.": "stem.norm.",
    r"^(head\.)?norm\.": "head.norm.",
    r"^head\.(fc\.)?(weight|bias)$": r"head.classifier.\2",
    r"\.norm1\.": ".token_mixing.norm.",
    r"\.norm2\.": ".channel_mixing.norm.",
    r"\.mlp(_channels)?\.fc1\.": ".channel_mixing.body.expand.",
    r"\.mlp(_channels)?\.fc2\.": ".channel_mixing.body.contract.",
}
ISOTROPIC = {r"^blocks\.": "stages.0.blocks."} | _ENDS_AND_BRANCHES
PYRAMID = {r"^layers\.": "stages.", r"\.reduction\.": ".reduce."} | _ENDS_AND_BRANCHES
# Swin's code and its descendants put the patch merging at the end of a stage, we at the start of the next.
MERGING_LAST = {rf"^layers\.{stage}\.downsample\.": f"stages.{stage + 1}.downsample." for stage in range(3)}
ATTENTION = {
    r"\.attn\.qkv\.": ".token_mixing.body.qkv.",
    r"\.attn\.proj\.": ".token_mixing.body.project.",
}
