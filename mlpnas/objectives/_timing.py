"""Seconds of inference, one image at a time, in the form that is exported."""

from time import perf_counter

import torch

from mlpnas.nets.deploy import deploy_spec
from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec

_WARM_UP = 3
_REPEATS = 20
_LEAST_SECONDS = 0.2  # fast networks are repeated until this has passed
_MOST_REPEATS = 200


@torch.inference_mode()
def seconds_per_image(spec: ArchSpec, device: str) -> tuple[float, ...]:
    """Time each of at least 20 passes of one float32 image through the untrained network, after a warm-up.

    The network is the deployed form (see nets/deploy.py), as an export is.
    """
    network = build(deploy_spec(spec)).to(device).eval()
    image = torch.zeros(1, spec.channels, *spec.image, device=device)
    for _ in range(_WARM_UP):
        network(image)
    seconds: list[float] = []
    while len(seconds) < _REPEATS or (sum(seconds) < _LEAST_SECONDS and len(seconds) < _MOST_REPEATS):
        _wait(device)
        start = perf_counter()
        network(image)
        _wait(device)
        seconds.append(perf_counter() - start)
    return tuple(seconds)


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
