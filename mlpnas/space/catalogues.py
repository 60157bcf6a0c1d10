"""The catalogues of layers that a space may name, and the values that their options take."""

from collections.abc import Mapping
from functools import cache
from inspect import Parameter
from typing import Any

from mlpnas.kinds import Kind, of_option
from mlpnas.named import Scalar
from mlpnas.nets.channel_mlps import CHANNEL_MLPS
from mlpnas.nets.downsamples import DOWNSAMPLES
from mlpnas.nets.norms import NORMS
from mlpnas.plugins import find, names, options

# positional arguments before the options: Mixer(dim, grid), Norm(dim), Downsample(source, target, norm), ...
_SHAPE = {"mixers": 2, "norms": 1, "downsamples": 3, "channel_mlps": 2, "stems": 7, "heads": 5}
_TABLES: Mapping[str, Mapping[str, Any]] = {"norms": NORMS, "downsamples": DOWNSAMPLES, "channel_mlps": CHANNEL_MLPS}


def plugin_names(catalogue: str) -> tuple[str, ...]:
    return tuple(_TABLES[catalogue]) if catalogue in _TABLES else names(catalogue)


@cache
def option_kinds(catalogue: str, name: str) -> dict[str, Kind]:
    """Return option -> kind of its values, read from the constructor's annotations."""
    return {option: of_option(parameter) for option, parameter in _options(catalogue, name).items()}


@cache
def option_defaults(catalogue: str, name: str) -> dict[str, Scalar]:
    """Return option -> default."""
    return {option: parameter.default for option, parameter in _options(catalogue, name).items()}


def _options(catalogue: str, name: str) -> Mapping[str, Parameter]:
    plugin: Any = _TABLES[catalogue][name] if catalogue in _TABLES else find(catalogue, name)
    return options(plugin, _SHAPE[catalogue])
