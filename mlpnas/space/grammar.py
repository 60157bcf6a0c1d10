"""The words of a space file: which fields stand on which level, and what each takes.

One meaning per word: a bare value is fixed, `{choose: [...]}` is a question, a plain list (only in `stages.each`) is
one value per stage. A field of a stage may stand on the network's level instead: then it is asked once, for all stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from mlpnas.spec import Activation, Pool, Scalar


@dataclass(frozen=True)
class Number:
    """A number, whole or not, of at least `least`; `none` allows the word none (null)."""

    whole: bool = True
    least: float = 1
    none: bool = False

    def fits(self, value: Scalar) -> bool:
        if value is None:
            return self.none
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and self.least <= value < 1e6 and (not self.whole or value == int(value))  # type: ignore[operator]

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} of at least {self.least:g}" + (", or null" if self.none else "")


@dataclass(frozen=True)
class Word:
    """One of a few words, or of true and false."""

    words: tuple[Scalar, ...]

    def fits(self, value: Scalar) -> bool:
        return any(value is word or (isinstance(word, str) and value == word) for word in self.words)

    def __str__(self) -> str:
        return "one of " + ", ".join(str(word).lower() for word in self.words)


@dataclass(frozen=True)
class Size:
    """Pixels of an image: one number for a square, or a list [height, width]."""

    def fits(self, value: Any) -> bool:
        sides = value if isinstance(value, list) and len(value) == 2 else [value]
        return all(not isinstance(side, (list, dict)) and Number().fits(side) for side in sides)

    def read(self, value: Any) -> int | tuple[int, int]:
        """Return pixels that fit as ArchSpec holds them; equal sides are one number."""
        height, width = value if isinstance(value, list) else (value, value)
        return int(height) if height == width else (int(height), int(width))

    def __str__(self) -> str:
        return "a whole number of at least 1, or [height, width]"


@dataclass(frozen=True)
class Plugin:
    """A layer by name, with or without options, out of one catalogue."""

    catalogue: str  # mixers, norms, downsamples or channel_mlps


@dataclass(frozen=True)
class Group:
    """A mapping with fields of its own."""

    fields: Mapping[str, "Field"]


Field = Number | Word | Size | Plugin | Group

STAGE: Mapping[str, Field] = {
    "width": Number(),
    "width_factor": Number(whole=False, least=0.01),
    "depth": Number(),
    "mixer": Plugin("mixers"),
    "mlp_ratio": Number(whole=False, least=0),
    "norm": Plugin("norms"),
    "layer_scale": Number(whole=False, least=0, none=True),
    "downsample": Plugin("downsamples"),
    "channel_mlp": Plugin("channel_mlps"),
}

NETWORK: Mapping[str, Field] = {
    "input": Group({"size": Size(), "channels": Number(), "classes": Number()}),
    "stem": Group(
        {
            "patch": Number(),
            "norm": Plugin("norms"),
            "kernel": Number(none=True),
            "bias": Word((True, False)),
            "activation": Word(get_args(Activation)),
        }
    ),
    "head": Group({"norm": Plugin("norms"), "pool": Word(get_args(Pool)), "pooled_norm": Plugin("norms")}),
    "position_embedding": Word((True, False)),
}

RESOLUTION = Word(("free",))

DOCUMENT = ("version", "name", "resolution", "stages", "constraints", "seeds")

MEANING: Mapping[str, str] = {
    "version": "of this grammar: 1",
    "name": "of the space, a word",
    "resolution": "free: only mixers whose weights fit any input size",
    "input": "the image that the network is for",
    "size": "pixels of the input: one number for a square, or [height, width]",
    "channels": "of the image: 3 for colour, 1 for grey; left out: those of the data",
    "classes": "of the classifier; left out: those of the data",
    "stem": "patch embedding",
    "patch": "pixels per token side",
    "head": "final norm and pooling",
    "kernel": "of the stem's convolution, at least `patch`; null: `patch`",
    "bias": "of the stem's convolution",
    "activation": "behind the stem's norm: none, relu or gelu",
    "pool": "avg over tokens; cls: a class token; distilled: a class and a distillation token",
    "pooled_norm": "a norm behind pooling",
    "position_embedding": "a learned table added to the tokens",
    "stages": "{count: N, each: {...}} or a list of mappings, one per stage",
    "variant": "{choose: {name: {fields}}}: one question that brings several fields of its level",
    "constraints": "[{max: params, value: 100M}]: upper bounds on macs, params, activation_bytes or peak_bytes",
    "seeds": "published models to try first",
    "width": "channels of the first stage, or of a stage",
    "width_factor": "times `width`; often [1, 2, 4, 8]",
    "depth": "blocks of a stage",
    "mixer": "token mixer",
    "mlp_ratio": "hidden width of the channel MLP over width; 0 leaves it out",
    "norm": "of blocks and patch merging (in stem, head: their own)",
    "layer_scale": "initial value of LayerScale, null for none",
    "downsample": "between stages: merge (2x2 patch merging), conv (stride 2) or none",
    "channel_mlp": "kind of the channel MLP: mlp, batch_norm_mlp or glu_mlp",
}
