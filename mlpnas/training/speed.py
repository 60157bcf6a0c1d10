"""How fast this machine trains, measured once per device and torch version and kept in the cache folder.

bf16 gains or loses by device and by size of the network (casts cost what small matrix products save), so both
precisions are measured on a few small networks, and time is predicted from what costs.py knows exactly.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache as remember
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mlpnas import cache
from mlpnas.costs import cost
from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.recipe import PRECISIONS

_ROUNDS = 4
_BATCH = 64
_TRAINING = 3  # MACs of forward and backward over those of forward
_TYPICAL = {"cpu": (2e-11, 1.3e-9, 2e-3), "cuda": (2e-14, 1e-12, 1e-3)}  # per MAC, byte and block


@dataclass(frozen=True)
class Speed:
    """Seconds of a training step = batch * (3 * macs * per_mac + activation_bytes * per_byte) + blocks * per_block."""

    per_mac: float
    per_byte: float
    per_block: float

    def step(self, spec: ArchSpec, batch: int) -> float:
        """Predicted seconds of a training step."""
        return float(np.dot(_amounts(spec, batch), (self.per_mac, self.per_byte, self.per_block)))


def _amounts(spec: ArchSpec, batch: int) -> tuple[float, float, float]:
    one, blocks = cost(spec), sum(stage.depth for stage in spec.stages)
    return batch * _TRAINING * one.macs, batch * one.activation_bytes, blocks


@remember
def speeds(device: str) -> dict[str, Speed]:
    """Speed in each precision, of one thread on a CPU; takes some seconds where it was not measured yet.

    Raises:
        DataError: the cache folder cannot be made.
    """
    known = _known(device)
    if known is None:
        known = {"device": device_name(device), "torch": torch.__version__, **_measured(device)}
        cache.write_json(_file(device), known)
    return {precision: Speed(**known[precision]) for precision in PRECISIONS}


def likely_speeds(device: str) -> dict[str, Speed]:
    """As `speeds`, at once: where it was not measured yet, what is typical of the kind, right to a factor of some."""
    if _known(device) is not None:
        return speeds(device)
    typical = Speed(*_TYPICAL.get(torch.device(device).type, _TYPICAL["cuda"]))
    return dict.fromkeys(PRECISIONS, typical)


def _known(device: str) -> dict[str, Any] | None:
    known = cache.read_json(_file(device))
    return known if known and known.get("torch") == torch.__version__ else None


def _file(device: str) -> Path:
    slug = re.sub(r"\W+", "-", device_name(device)).strip("-").lower()
    return cache.folder("speed") / f"{slug}.json"


@remember
def device_name(device: str) -> str:
    """The processor's or GPU's own name."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        info = ""
    names = re.findall(r"model name\s*: (.+)", info)
    return names[0] if names else torch.device(device).type


def _measured(device: str) -> dict[str, dict[str, float]]:
    specs = _probes(wide=torch.device(device).type != "cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = [_step_seconds(spec, device) for spec in specs]
    finally:
        torch.set_num_threads(threads)
    return {precision: asdict(_fit(specs, [row[precision] for row in seconds])) for precision in PRECISIONS}


def _probes(wide: bool) -> list[ArchSpec]:
    """Networks of which some cost arithmetic, some memory traffic and some the number of operations."""
    scale = 8 if wide else 1

    def one(size: int, patch: int, width: int, depth: int, mixer: Layer, mlp_ratio: float = 2) -> ArchSpec:
        return ArchSpec((Stage(width * scale, depth, mixer, mlp_ratio),), Stem(patch), size, classes=10)

    return [
        one(32, 8, 16, 6, Layer.of("token_mlp", ratio=1.0)),
        one(32, 4, 128, 2, Layer.of("token_mlp", ratio=0.5)),
        one(32, 8, 512, 1, Layer.of("token_linear"), 4),
        one(32, 2, 32, 2, Layer.of("token_mlp", ratio=1.0)),
        one(32, 4, 64, 4, Layer.of("axial_shift", shift_size=3)),
        one(32, 4, 32, 4, Layer.of("attention", head_dim=8)),
    ]


def _step_seconds(spec: ArchSpec, device: str) -> dict[str, float]:
    """The fastest of several steps in each precision, taken in turns."""
    network = build(spec).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    images = torch.randn(_BATCH, spec.channels, *spec.image, device=device)
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(_ROUNDS + 1):
        for precision, times in seconds.items():
            times.append(_timed_step(network, optimizer, images, precision))
    return {precision: min(times[1:]) for precision, times in seconds.items()}


def _timed_step(network: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, precision: str) -> float:
    # a CPU shared with other work is as fast as ever, and workers have a core each: count this process alone
    clock = process_time if images.device.type == "cpu" else perf_counter
    synchronise(images.device)
    start = clock()
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits = network(images)
    F.cross_entropy(logits.float(), torch.zeros(len(images), dtype=torch.long, device=images.device)).backward()
    optimizer.step()
    optimizer.zero_grad()
    synchronise(images.device)
    return clock() - start


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _fit(specs: Sequence[ArchSpec], seconds: Sequence[float]) -> Speed:
    """Non-negative coefficients with the least relative error."""
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    amounts = np.array([_amounts(spec, _BATCH) for spec in specs])
    relative = amounts / np.array(seconds)[:, None]
    scale = relative.max(0)
    coefficients, _ = nnls(relative / scale, np.ones(len(specs)))
    return Speed(*(coefficients / scale).tolist())
