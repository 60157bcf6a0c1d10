"""Loading of released weights: `load_checkpoint` reads a file, `create` fetches through timm's hub."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from torch import Tensor, nn

from mlpnas.checkpoints._files import read_state
from mlpnas.checkpoints._fit import fill, fill_exactly
from mlpnas.errors import CheckpointError
from mlpnas.nets.network import Network, build
from mlpnas.published import Published, find, names
from mlpnas.spec import ArchSpec

_HUB = "timm/"
_FILE = "model.safetensors"
_PATIENCE = 5.0  # seconds to wait for the hub's answer about a file


def load_checkpoint(model: str | ArchSpec, path: str | Path) -> nn.Module:
    """Return the network of `model` with the weights of a file, in eval mode on the CPU.

    The tensors may have our names, timm's, or those of the official releases; every one must match. Learned position
    tables are resized to the input size as in timm.

    Args:
        model: a published name, or a spec: `find("vit_s16").spec.at(384)` for another input size.
        path: a .safetensors file; or a .pt, .pth, .pth.tar or .bin file with a state dict, bare or under state_dict,
            model, state_dict_ema or model_ema (averaged weights are preferred).

    Example:
        >>> network = mlpnas.load_checkpoint("as_mlp_t", "as_mlp_tiny.pth")    # doctest: +SKIP

    Raises:
        UnknownName: there is no such published model.
        CheckpointError: the file is unreadable, of another network, or without usable numbers.
        ShapeError: the spec's layers do not fit together.
    """
    state = read_state(Path(path))
    network = build(find(model).spec if isinstance(model, str) else model).eval()
    fill(network, state, _namings(model), str(path))
    return network


def load_own(network: Network, path: Path) -> None:
    """Load a weights file with our names into `network`.

    Raises:
        CheckpointError: the file is unreadable or of another network.
    """
    fill_exactly(network, read_state(path), str(path))


def create(name: str, pretrained: bool = False, classes: int | None = None) -> nn.Module:
    """Return the network of a published model: freshly initialised, or in eval mode with the released weights.

    Args:
        pretrained: fetch the weights through timm from its hub (kept in the cache of huggingface_hub).
        classes: those of the classifier, if not 1000; it is freshly initialised if the weights have another number.

    Example:
        >>> network = mlpnas.create("resmlp_s12", pretrained=True)             # doctest: +SKIP

    Raises:
        UnknownName: there is no such published model.
        CheckpointError: it has no weights on timm's hub, or they cannot be fetched.
    """
    model = find(name)
    spec = model.spec if classes is None else replace(model.spec, classes=classes)
    if not pretrained:
        return build(spec)
    state = _fetch(model, spec.classes)
    network = build(spec).eval()
    fill(network, state, _namings(name), model.weights)
    return network


def _namings(model: str | ArchSpec) -> list[Mapping[str, str]]:
    """Return the possible naming maps of a model's tensors: ours, then its family's (every family's for a spec)."""
    families = [find(model).family] if isinstance(model, str) else sorted({find(name).family for name in names()})
    return [{}, *(keys for family in families for keys in import_module(f"mlpnas.published.{family}").KEYS)]


def _fetch(model: Published, classes: int) -> Mapping[str, Tensor]:
    if not model.weights.startswith(_HUB):
        where = f"its released weights: {model.weights}" if model.weights else "no released weights are known"
        raise CheckpointError(
            f"{model.name}: not on timm's hub; {where}; a file of them is read by "
            f"mlpnas.load_checkpoint({model.name!r}, path)"
        )
    import timm

    try:
        overlay = {"file": _download(model.weights), "custom_load": False}
        name = model.weights.removeprefix(_HUB)
        network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=classes)
    except Exception as error:  # the hub, the connection and the file have no common class of errors
        raise CheckpointError(
            f"{model.weights}: cannot be fetched ({type(error).__name__}); check the connection, or download "
            f"{_FILE} from https://huggingface.co/{model.weights} elsewhere and use "
            f"mlpnas.load_checkpoint({model.name!r}, path)"
        ) from error
    return network.state_dict()


def _download(weights: str) -> str:
    """Return the path of a weights file in the hub's cache, downloading it if it is missing.

    Ask for the metadata first: the download itself retries for half a minute when there is no connection.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    cached = try_to_load_from_cache(weights, _FILE)
    if isinstance(cached, str):
        return cached
    get_hf_file_metadata(hf_hub_url(weights, _FILE), timeout=_PATIENCE)
    return hf_hub_download(weights, _FILE)
