"""Run folders as a search leaves them, made up in a moment: real architectures and costs, invented accuracies."""

import json
from collections.abc import Sequence
from dataclasses import replace
from math import exp, log10
from pathlib import Path
from random import Random

from mlpnas.costs import cost
from mlpnas.errors import ShapeError
from mlpnas.manifest import Manifest
from mlpnas.published import find
from mlpnas.record import EpochRow, Record
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.store import Store
from mlpnas.training.recipe import Recipe
from tests.support.manifests import manifest, with_fields

MIXERS = {
    "axial_shift": ({"shift_size": 3}, {"shift_size": 5}, {"shift_size": 5, "dilation": 2}),
    "token_mlp": ({"ratio": 0.5}, {"ratio": 1.0}),
    "gmlp": ({},),
    "attention": ({"head_dim": 16},),
    "token_linear": ({},),
}
WORTH = {"axial_shift": 0.03, "gmlp": 0.01, "attention": -0.03, "token_mlp": 0.0, "token_linear": -0.06}
ERRORS = {
    "out_of_memory": "CUDA out of memory. Tried to allocate 1.53 GiB",
    "diverged": "loss is nan in epoch 2",
    "failed": "RuntimeError: cannot read <image 17> & co.",
}
BUDGET = 3e6
QUICK = manifest(
    "quick-mnist5k",
    created="2025-03-04T09:12:44+00:00",
    command="mlpnas search --space quick.yaml --data mnist5k --budget 3MMACs --trials 24 --seed 1",
    space="quick",
    space_text="# small networks\nversion: 1\nname: quick\nwidth: {choose: [16, 24, 32, 48]}\n",
    space_hash="5f0e3b9a7c21",
    seed=1,
    sampler="tpe",
    backend="ray",
    workers=2,
    objectives={"top1": "maximize", "macs": "minimize"},
    budget=("3MMACs",),
    limits={"macs": BUDGET},
    reference={"top1": 0.0, "macs": BUDGET},
    recipe=Recipe(epochs=3, batch_size=64, precision="bf16", flip="no").to_json(),
    data={"source": "mnist5k", "path": "", "seed": 1},
    data_facts={
        "name": "mnist5k",
        "fingerprint": "9d4c1f0a5e77b021",
        "classes": list("0123456789"),
        "images": {"train": 3200, "val": 800, "test": 1000},
        "size": [1, 28, 28],
        "chance": 0.1125,
        "mean": [0.1307],
        "std": [0.3081],
    },
    versions={"mlpnas": "0.1.0", "torch": "2.15.0", "ray": "2.60.0", "optuna": "5.0.0", "python": "3.11.9"},
    machine={"system": "Linux x86_64", "cpu": "2 cores", "gpu": "none", "memory": "8 GiB"},
    notes=(
        "recipe auto: 3 epochs at 28 px, bf16 (1.9 times faster than float32 here)",
        "workers auto: 2, one thread each",
    ),
)


def small(rng: Random) -> ArchSpec:
    """Return a network of one or two stages for 28 x 28 grey images."""
    stages: list[Stage] = []
    width = rng.choice([16, 24, 32, 48])
    for number in range(rng.choice([1, 2, 2])):
        name = rng.choice(list(MIXERS))
        layer = Layer.of(name, **rng.choice(MIXERS[name]))
        stages.append(Stage(width * 2**number, rng.randint(1, 3), layer, rng.choice([2, 3])))
    return ArchSpec(tuple(stages), Stem(rng.choice([4, 7] if len(stages) == 1 else [2, 7])), 28, 1, 10)


def affordable(rng: Random, budget: float) -> ArchSpec:
    while True:
        spec = small(rng)
        try:
            if cost(spec).macs <= budget:
                return spec
        except ShapeError:
            pass


def accuracy(spec: ArchSpec, rng: Random, easy: float = 2e4) -> float:
    worth = sum(WORTH.get(stage.mixer.name, 0.0) for stage in spec.stages) / len(spec.stages)
    return min(0.995, 0.72 + 0.11 * max(0.0, log10(cost(spec).macs / easy)) + worth + rng.gauss(0, 0.015))


def curve(trial: int, top1: float, epochs: int = 3) -> list[EpochRow]:
    rises = [1 - exp(-1.6 * (epoch + 1)) for epoch in range(epochs)]
    return [
        EpochRow(
            trial,
            epoch,
            train_loss=2.2 - 1.6 * rise,
            seconds=2.5,
            learning_rate=2e-3 * (1 - rise),
            values={"val_loss": 2.25 - 1.6 * rise, "top1": top1 * rise / rises[-1]},
        )
        for epoch, rise in enumerate(rises)
    ]


def record(trial: int, spec: ArchSpec, top1: float | None, status: str = "done", **changes: object) -> Record:
    known = cost(spec)
    values = {"macs": known.macs, "params": known.params, "activation_bytes": known.activation_bytes}
    plain = Record(
        trial,
        spec.key,
        spec.dumps(),
        {"width": spec.stages[0].width},
        status,
        values=values | ({} if top1 is None else {"top1": top1, "loss": 2.4 * (1 - top1) + 0.1}),
        epochs=3 if status == "done" else 1,
        seconds=14.0,
        seed=trial,
        device="cpu",
        error=ERRORS.get(status, ""),
        recipe=json.dumps(QUICK.decided.recipe),
        started=1.7e9 + 9 * trial,
        finished=1.7e9 + 9 * trial + 14,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def write(folder: Path, records: Sequence[Record] = (), manifest: Manifest = QUICK, curves: bool = True) -> Run:
    """Return a run folder with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write(folder)
    store = Store(folder)
    for item in records:
        top1 = item.values.get("top1") if curves else None
        store.append(item, curve(item.trial, top1) if top1 is not None else [])
    store.compact()
    return Run(folder)


def quick(folder: Path, trials: int = 24, seed: int = 1) -> Run:
    """Return a search on mnist5k with a front, a duplicate, an early stop and three failures."""
    rng, records = Random(seed), list[Record]()
    for trial in range(trials):
        spec = affordable(rng, BUDGET)
        top1 = accuracy(spec, rng)
        match trial:
            case 5:
                records.append(record(trial, spec, None, "out_of_memory"))
            case 9:
                records.append(record(trial, spec, None, "diverged"))
            case 11:
                records.append(replace(records[3], trial=trial, origin="duplicate", seconds=0.0))
            case 13:
                records.append(record(trial, spec, 0.5 * top1, "stopped"))
            case 16:
                records.append(record(trial, spec, None, "failed"))
            case _:
                records.append(record(trial, spec, top1))
    return write(folder, records)


def backbones(folder: Path, trials: int = 40, seed: int = 2) -> Run:
    """Return a search for 224 x 224 backbones under 15 GMACs that began with two published models."""
    rng, budget = Random(seed), 15e9
    specs = [find("as_mlp_t").spec, find("as_mlp_s").spec]
    while len(specs) < trials:
        spec = backbone(rng)
        if 1e9 < cost(spec).macs <= budget:
            specs.append(spec)
    records = [
        record(trial, spec, accuracy(spec, rng, 1e9), origin="published" if trial < 2 else "sampled")
        for trial, spec in enumerate(specs)
    ]
    renamed = with_fields(
        QUICK,
        name="asmlp",
        command="mlpnas search --space asmlp.yaml --budget 15GFLOPs --trials 40",
        space="asmlp",
        budget=("15GFLOPs",),
        limits={"macs": budget},
        reference={"top1": 0.0, "macs": budget},
    )
    return write(folder, records, renamed)


def backbone(rng: Random) -> ArchSpec:
    """Return a pyramid of four stages."""
    width = rng.choice([64, 96, 128])
    layers = [Layer.of("axial_shift", shift_size=5), Layer("gmlp"), Layer.of("attention", head_dim=32)]
    stages = [
        Stage(width * 2**number, rng.choice([1, 2, 4, 8]), rng.choice(layers[: 1 if number < 1 else 3]))
        for number in range(4)
    ]
    return ArchSpec(tuple(stages), Stem(4))
