"""Manifest: what a run was asked to do, and on what; `run.json` of its folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Self

from mlpnas.errors import MlpnasError, RunError
from mlpnas.files import read_file, write_text
from mlpnas.manifest._checked import read, read_fields, refuse_constant
from mlpnas.manifest._earlier import nest
from mlpnas.options import options_to_json
from mlpnas.plain_text import masked, quoted, shortened
from mlpnas.run_files import MANIFEST
from mlpnas.search_options import SearchOptions

_QUANTITY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_IDENTITY = re.compile(r"[0-9A-Za-z_-]{0,64}")
_IMAGE = ("channels", "classes")
if TYPE_CHECKING:
    from mlpnas.space.space import SearchSpace


@dataclass(frozen=True)
class Decided:
    """The decisions that followed from the options, from the data and from the machines.

    Attributes:
        workers: trials at once; 0: as many as a cluster holds.
        gpus_per_trial: share of a GPU. device: cpu or cuda.
        scheduler: of the ray backend: tune, or pool for what takes seconds; "": nothing is trained, or else tune.
        objectives: name -> "maximize" | "minimize"; the first one decides what is best.
        scores: zero-cost scores that are measured beside the objectives.
        limits: of the budget and of the space, by cost name (macs, params, latency in seconds, ...).
        reference: the hypervolume's reference point by objective.
        fidelity: epochs after which trainings are compared and most of them stop, the whole training's last; or none.
        recipe: as JSON. data: source, path, seed, as datasets.DataRef writes them.
        notes: what `auto` decided, line by line.
    """

    workers: int = 1
    device: str = "cpu"
    gpus_per_trial: float = 0.0
    scheduler: str = ""
    objectives: Mapping[str, str] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    fidelity: tuple[int, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise ValueError if fields of the right types make no sense."""
        if not self.objectives:
            raise ValueError("decided.objectives: needs at least one")
        if unknown := set(self.objectives.values()) - {"maximize", "minimize"}:
            raise ValueError(f"decided.objectives: a direction is maximize or minimize, not {quoted(unknown.pop())}")
        for field_name in ("objectives", "scores", "limits", "reference"):
            if wrong := [name for name in getattr(self, field_name) if not _QUANTITY.fullmatch(name)]:
                raise ValueError(f"decided.{field_name}: {quoted(wrong[0])} is no name of an objective or a cost")
        if any(before >= after for before, after in pairwise((0, *self.fidelity))):
            raise ValueError("decided.fidelity: expected epochs, each more than the one before")
        if self.data and "source" not in self.data:
            raise ValueError("decided.data: 'source' is missing")


@dataclass(frozen=True)
class Found:
    """The facts that were found when the run was planned.

    Attributes:
        image: channels and classes that the space is counted with where it leaves them out; none: ImageNet's.
        data: name, fingerprint, classes, images per part.
    """

    image: Mapping[str, int] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ValueError if fields of the right types make no sense."""
        if any(name not in _IMAGE or not 0 < number <= 10**6 for name, number in self.image.items()):
            raise ValueError("found.image: expected whole numbers of channels and classes")
        images = self.data.get("images")
        counts = read(Mapping[str, int], images, "found.data.images") if isinstance(images, Mapping) else {}
        if unknown := {*counts} - {"train", "val", "test"}:
            raise ValueError(f"found.data.images: {quoted(min(unknown))} is no part of a data set")


@dataclass(frozen=True)
class Manifest:
    """The description of a run: what was asked, what was decided from that, and what was found.

    Attributes:
        command: as a person typed it. created: when, by ISO 8601.
        id: what says of a part that it is this run's; "": of a run of an earlier version, whose parts say nothing.
        space: its name, text and hash.
        asked: the options that the user gave; all others have their defaults.
    """

    name: str
    created: str = ""
    command: str = ""
    id: str = ""
    space: str = ""
    space_text: str = ""
    space_hash: str = ""
    asked: SearchOptions = field(default_factory=SearchOptions)
    decided: Decided = field(default_factory=Decided)
    found: Found = field(default_factory=Found)

    def search_space(self, source: str = "space.yaml") -> "SearchSpace":
        """Return the space as it was searched; `source` names it in messages. Raises SpaceError if it is none."""
        from mlpnas.space.space import SearchSpace

        return SearchSpace(self.space_text, source, **self.found.image)

    def with_decisions(self, **changes: Any) -> Self:
        """Return it with other decisions."""
        return replace(self, decided=replace(self.decided, **changes))

    def to_json(self) -> dict[str, Any]:
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        nested = {"asked": options_to_json(self.asked), "decided": asdict(self.decided), "found": asdict(self.found)}
        return _without_credentials({**plain, **nested})

    def write(self, folder: Path) -> None:
        """Write run.json; credentials in URIs are masked."""
        write_text(folder / MANIFEST, json.dumps(self.to_json(), indent=2) + "\n")

    def with_id(self) -> Self:
        """Return it with an identity, which all that is written from now on carries."""
        return self if self.id else replace(self, id=token_hex(8))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read run.json; fields that it does not have take their defaults, those of a later version are passed over.

        Credentials that an earlier version wrote are masked.

        Raises:
            RunError: `folder` holds no run.json, or one that is no manifest; names the field.
        """
        path = folder / MANIFEST
        try:
            data = json.loads(read_file(path), parse_constant=refuse_constant)
            return cls.from_json(_without_credentials(data))
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{folder}: no run here (no {MANIFEST}); `mlpnas runs` lists the runs") from None
        except OSError as error:
            raise RunError(f"{path}: cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError, MlpnasError) as error:
            raise RunError(f"{path}: not a run's manifest ({shortened(str(error))})") from None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` wrote, or an earlier version; raises ValueError or MlpnasError, naming the field."""
        if not isinstance(data, dict):
            raise ValueError(f"expected a mapping, got {quoted(data)}")
        if "decided" not in data:
            data = nest(data, Decided, Found)
        manifest = cls(**read_fields(cls, data))
        manifest.decided.check()
        manifest.found.check()
        if not _IDENTITY.fullmatch(manifest.id):
            raise ValueError(f"id: {quoted(manifest.id)} is none")
        return manifest


def _without_credentials(data: Any) -> Any:
    if isinstance(data, str):
        return masked(data)
    if isinstance(data, Mapping):
        return {name: _without_credentials(item) for name, item in data.items()}
    return [_without_credentials(item) for item in data] if isinstance(data, (list, tuple)) else data
