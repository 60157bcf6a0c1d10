"""Manifest: what a run was asked to do, and on what; `run.json` of its folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mlpnas.errors import RunError
from mlpnas.files import write_text

if TYPE_CHECKING:
    from mlpnas.space.space import SearchSpace


_IMAGE, _MOST = ("channels", "classes"), 10**6


@dataclass(frozen=True)
class Manifest:
    """What a run was asked to do, and on what.

    Attributes:
        image: channels and classes that the space is counted with where it leaves them out; none: ImageNet's.
        objectives: name -> "maximize" | "minimize"; the first one decides what is best.
        scores: zero-cost scores that are measured beside the objectives.
        budget: as the user wrote it; limits: with the space's, by cost name (macs, params, latency in seconds, ...).
        reference: the hypervolume's reference point by objective.
        fidelity: epochs after which trainings are compared and most of them stop, the whole training's last; or none.
        trials: to be trained in all; seconds: of wall time, or None; trial_seconds: of each, or None.
        scheduler: of the ray backend: tune, or pool for what takes seconds; "": nothing is trained, or else tune.
        fill: share of the budget to use at least.
        recipe: as JSON; data: source, path, seed; data_facts: name, fingerprint, classes, images per part.
        notes: what `auto` decided, line by line.
        asked: the options that the user gave, by name; what is left out was left to its default.
    """

    name: str
    created: str = ""
    command: str = ""
    space: str = ""
    space_text: str = ""
    space_hash: str = ""
    seed: int = 0
    sampler: str = ""
    sampler_options: Mapping[str, bool] = field(default_factory=dict)
    backend: str = ""
    workers: int = 1
    device: str = "cpu"
    gpus_per_trial: float = 0.0
    scheduler: str = ""
    address: str = ""
    trials: int = 0
    seconds: float | None = None
    trial_seconds: float | None = None
    fill: float = 0.0
    image: Mapping[str, int] = field(default_factory=dict)
    objectives: Mapping[str, str] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    fidelity: tuple[int, ...] = ()
    budget: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    data_facts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)

    def search_space(self, source: str = "space.yaml") -> "SearchSpace":
        """Return the space as it was searched; `source` names it in messages. Raises SpaceError where it is none."""
        from mlpnas.space.space import SearchSpace

        return SearchSpace(self.space_text, source, **self.image)

    def write(self, folder: Path) -> None:
        write_text(folder / "run.json", json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises RunError where `folder` holds no readable run.json."""
        path = folder / "run.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
            return cls(
                **known | {name: tuple(known.get(name, ())) for name in ("notes", "budget", "scores", "fidelity")}
            )._checked()
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{folder}: no run here (no run.json); `mlpnas runs` lists the runs") from None
        except (ValueError, TypeError, OSError) as error:
            raise RunError(f"{path}: not a run's manifest ({error})") from None

    def _checked(self) -> Self:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.default_factory is dict and not isinstance(value, Mapping):
                raise TypeError(f"{f.name}: expected a mapping, got {value!r}")
        if any(name not in _IMAGE or type(n) is not int or not 0 < n <= _MOST for name, n in self.image.items()):
            raise ValueError("image: expected whole numbers of channels and classes")
        if not self.objectives:
            raise ValueError("objectives: needs at least one")
        if unknown := set(self.objectives.values()) - {"maximize", "minimize"}:
            raise ValueError(f"objectives: a direction is maximize or minimize, not {unknown.pop()!r}")
        return self
