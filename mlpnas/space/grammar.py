"""The fields of a space file: on which level each stands, and which values it takes.

A bare value is fixed, `{choose: [...]}` is a question, a plain list (only in `stages.each`) is one value per stage.
A field of a stage may stand on the network's level instead: then it is asked once for all stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from mlpnas.from_json import kind_of
from mlpnas.kinds import Kind, Number, Word
from mlpnas.spec import ArchSpec, Stage, Stem


@dataclass(frozen=True)
class Plugin:
    """A field that names a layer of one catalogue, with or without options."""

    catalogue: str  # mixers, norms, downsamples, channel_mlps, stems or heads


@dataclass(frozen=True)
class Group:
    """A field that is a mapping with its own fields."""

    fields: Mapping[str, "Field"]


Field = Kind | Plugin | Group

_CATALOGUES = {"mixer": "mixers", "norm": "norms", "pooled_norm": "norms", "downsample": "downsamples"}
_CATALOGUES["channel_mlp"] = "channel_mlps"


def _fields(cls: type, *names: str) -> Mapping[str, Field]:
    """Return fields of the spec: layers as a Plugin of their catalogue, others as the spec declares them."""
    return {name: Plugin(_CATALOGUES[name]) if name in _CATALOGUES else kind_of(cls, name) for name in names}


STAGE: Mapping[str, Field] = {
    "width": kind_of(Stage, "width"),
    "width_factor": Number(whole=False, least=0.01, most=1000),
    **_fields(Stage, "depth", "mixer", "mlp_ratio", "norm", "layer_scale", "downsample", "channel_mlp"),
}

NETWORK: Mapping[str, Field] = {
    "input": Group({"size": kind_of(ArchSpec, "input_size"), **_fields(ArchSpec, "channels", "classes")}),
    "stem": Group({**_fields(Stem, *(f.name for f in fields(Stem) if f.name != "kind")), "kind": Plugin("stems")}),
    "head": Group({**_fields(ArchSpec, "norm", "pool", "pooled_norm"), "kind": Plugin("heads")}),
    **_fields(ArchSpec, "position_embedding"),
}

RESOLUTION = Word(("free",))
VERSION = Number(most=1)
STAGES = Number(most=16)
CONSTRAINT = Number(whole=False, most=1e18)

DOCUMENT = ("version", "name", "resolution", "stages", "constraints", "seeds")

MEANING: Mapping[str, str] = {
    "version": "version of this grammar: 1",
    "name": "name of the space, one word",
    "resolution": "free: only mixers whose weights fit any input size",
    "input": "the image that the network is for",
    "size": "pixels of the input: one number for a square, or [height, width]",
    "channels": "channels of the image: 3 for colour, 1 for grey; default: those of the data",
    "classes": "classes of the classifier; default: those of the data",
    "stem": "patch embedding",
    "patch": "pixels per token side",
    "head": "final norm and pooling",
    "kind": "of the stem or the head: patches, classifier, or a plug-in's name",
    "kernel": "kernel of the stem's convolution, at least `patch`; null: `patch`",
    "bias": "bias of the stem's convolution",
    "activation": "after the stem's norm: none, relu or gelu",
    "pool": "avg over tokens; cls: a class token; distilled: a class and a distillation token",
    "pooled_norm": "a norm after pooling",
    "position_embedding": "a learned table added to the tokens",
    "stages": "{count: N, each: {...}} or a list of mappings, one per stage",
    "variant": "{choose: {name: {fields}}}: one question that brings several fields of its level",
    "constraints": "[{max: params, value: 100M}]: upper bounds on macs, params, activation_bytes or peak_bytes",
    "seeds": "published models to try first",
    "width": "channels of the first stage, or of a stage",
    "width_factor": "factor of `width`; often [1, 2, 4, 8]",
    "depth": "blocks of a stage",
    "mixer": "token mixer",
    "mlp_ratio": "hidden width of the channel MLP over width; 0 leaves it out",
    "norm": "of blocks and patch merging (in stem, head: their own)",
    "layer_scale": "initial value of LayerScale, null for none",
    "downsample": "between stages: merge (2x2 patch merging), conv (stride 2) or none",
    "channel_mlp": "kind of the channel MLP: mlp, batch_norm_mlp or glu_mlp",
}
