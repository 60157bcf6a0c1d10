"""Manifest: what a run was asked to do, and on what; `run.json` of its folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from types import UnionType
from typing import TYPE_CHECKING, Any, Self, get_args, get_origin, get_type_hints

from mlpnas.errors import RunError
from mlpnas.files import read_file, write_text
from mlpnas.plain_text import masked, quoted, shortened
from mlpnas.run_files import MANIFEST

_QUANTITY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_IDENTITY = re.compile(r"[0-9A-Za-z_-]{0,64}")
_IMAGE = ("channels", "classes")
_MOST = 2**63 - 1
_DEEPEST = 20
_WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    Mapping: "a mapping",
}
_MISSING = object()
_INNER: Mapping[str, Mapping[str, Any]] = {  # what the fields hold that have no types of their own
    "asked": {"workers": int | None},
    "data": {"source": str, "path": str, "seed": int},
    "data_facts": {
        "name": str,
        "fingerprint": str,
        "classes": tuple[str, ...],
        "size": tuple[int, ...],
        "chance": float,
        "mean": tuple[float, ...],
        "std": tuple[float, ...],
    },
}

if TYPE_CHECKING:
    from mlpnas.space.space import SearchSpace


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
        id: what says of a part that it is this run's; "": of a run of an earlier version, whose parts say nothing.
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
    id: str = ""

    def search_space(self, source: str = "space.yaml") -> "SearchSpace":
        """Return the space as it was searched; `source` names it in messages. Raises SpaceError where it is none."""
        from mlpnas.space.space import SearchSpace

        return SearchSpace(self.space_text, source, **self.image)

    def write(self, folder: Path) -> None:
        """Write run.json; credentials in URIs are masked."""
        write_text(folder / MANIFEST, json.dumps(_without_credentials(asdict(self)), indent=2) + "\n")

    def identified(self) -> Self:
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
            data = json.loads(read_file(path), parse_constant=_refuse_constant)
            return cls(**_read_fields(cls, _without_credentials(data)))._checked()
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{folder}: no run here (no {MANIFEST}); `mlpnas runs` lists the runs") from None
        except OSError as error:
            raise RunError(f"{path}: cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError) as error:
            raise RunError(f"{path}: not a run's manifest ({shortened(str(error))})") from None

    def _checked(self) -> Self:
        if any(name not in _IMAGE or not 0 < number <= 10**6 for name, number in self.image.items()):
            raise ValueError("image: expected whole numbers of channels and classes")
        if not self.objectives:
            raise ValueError("objectives: needs at least one")
        if unknown := set(self.objectives.values()) - {"maximize", "minimize"}:
            raise ValueError(f"objectives: a direction is maximize or minimize, not {quoted(unknown.pop())}")
        for field_name in ("objectives", "scores", "limits", "reference"):
            if wrong := [name for name in getattr(self, field_name) if not _QUANTITY.fullmatch(name)]:
                raise ValueError(f"{field_name}: {quoted(wrong[0])} is no name of an objective or a cost")
        if any(before >= after for before, after in pairwise((0, *self.fidelity))):
            raise ValueError("fidelity: expected epochs, each more than the one before")
        if not _IDENTITY.fullmatch(self.id):
            raise ValueError(f"id: {quoted(self.id)} is none")
        if self.data and "source" not in self.data:
            raise ValueError("data: 'source' is missing")
        _check_images(self.data_facts.get("images"))
        return self


def _check_images(images: Any) -> None:
    """Images by the parts of a data set, where they are that; anything else tells nobody anything."""
    counts = _read(Mapping[str, int], images, "data_facts.images") if isinstance(images, Mapping) else {}
    if unknown := {*counts} - {"train", "val", "test"}:
        raise ValueError(f"data_facts.images: {quoted(min(unknown))} is no part of a data set")


def _read_fields(cls: type, data: Any) -> dict[str, Any]:
    """Values by the annotations of `cls`.

    Raises:
        ValueError: a field is missing or of another type.
    """
    if not isinstance(data, dict):
        raise ValueError(f"expected a mapping, got {quoted(data)}")
    kinds, found = get_type_hints(cls), {}
    for f in fields(cls):
        if f.name in data:
            found[f.name] = _read(kinds[f.name], data[f.name], f.name)
            for name, kind in _INNER.get(f.name, {}).items():
                _read(kind, data[f.name].get(name, _MISSING), f"{f.name}.{name}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{f.name!r} is missing")
    return found


def _read(kind: Any, data: Any, path: str) -> Any:
    """`data` as a value of the annotation `kind`; raises ValueError where it is none."""
    if data is _MISSING or (data is None and type(None) in get_args(kind)):
        return None
    if isinstance(kind, UnionType):
        kind = get_args(kind)[0]
    if get_origin(kind) is Mapping and isinstance(data, dict):
        inner = get_args(kind)[1]
        return {_text(name, path): _read(inner, item, f"{path}.{shortened(name)}") for name, item in data.items()}
    if get_origin(kind) is tuple and isinstance(data, list):
        return tuple(_read(get_args(kind)[0], item, f"{path}[{number}]") for number, item in enumerate(data))
    if kind is Any:
        _check_plain(data, path, _DEEPEST)
        return data
    if kind in (int, float) and (not isinstance(data, bool)) and isinstance(data, (int, kind)):
        least = -_MOST if path.startswith("reference.") else 0
        if not least <= data <= _MOST:
            raise ValueError(f"{path}: expected a number from {least} to {_MOST}, got {quoted(data)}")
        return data
    if kind is str and isinstance(data, str):
        return _text(data, path)
    if kind is bool and isinstance(data, bool):
        return data
    raise ValueError(f"{path}: expected {_WORDS.get(get_origin(kind) or kind)}, got {quoted(data)}")


def _check_plain(data: Any, path: str, depth: int) -> None:
    """Raises ValueError where JSON data nest too deep or hold numbers that a computer does not."""
    if depth == 0:
        raise ValueError(f"{path}: lists and mappings stand in each other more than {_DEEPEST} deep")
    for item in (*data, *data.values()) if isinstance(data, dict) else data if isinstance(data, list) else ():
        _check_plain(item, path, depth - 1)
    if isinstance(data, str):
        _text(data, path)
    if isinstance(data, (int, float)) and not -_MOST <= data <= _MOST:
        raise ValueError(f"{path}: {quoted(data)} is too large a number")


def _text(data: str, path: str) -> str:
    """Raises ValueError where it cannot be written: half of a pair that UTF-16 makes of a character."""
    if not data.isascii() and any("\ud800" <= c <= "\udfff" for c in data):
        raise ValueError(f"{path}: {quoted(data)} is no text")
    return data


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _without_credentials(data: Any) -> Any:
    if isinstance(data, str):
        return masked(data)
    if isinstance(data, Mapping):
        return {name: _without_credentials(item) for name, item in data.items()}
    return [_without_credentials(item) for item in data] if isinstance(data, (list, tuple)) else data
