"""SearchOptions: what a user may ask of a search. Command line, `mlpnas.search`, manifest and resume follow from it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpnas.errors import RunError
from mlpnas.kinds import FLAG, Number, Text, Word, refusal
from mlpnas.named import Named
from mlpnas.options import CHANGEABLE, FIXED, Option, plain, texts
from mlpnas.plain_text import quoted, shortened
from mlpnas.plugins import names, shipped
from mlpnas.training.named import SETTINGS
from mlpnas.units import Limit, seconds

if TYPE_CHECKING:
    from mlpnas.space.space import SearchSpace
    from mlpnas.training.recipe import Recipe

PYTHON = "python"  # in place of a sampler's name: an object that is known to a program alone
_COUNT = re.compile(r"\+?[0-9]{1,9}")
_NAME, _PLACE = Text(), Text(most=4096)
_DURATION = Number(whole=False, least=0, most=10 * 365 * 86_400)


@dataclass(frozen=True)
class Count:
    """A number of trials: in all, or more than are done."""

    number: int
    is_more: bool = False

    @classmethod
    def read(cls, value: "int | str | Count") -> "Count":
        """Read 24, "24" or "+8"; raises RunError for anything else."""
        if isinstance(value, Count):
            return value
        text = str(value)
        if not _COUNT.fullmatch(text):
            raise RunError(f"--trials {shortened(text)}: expected a number like 24, or +24 for so many more")
        if int(text) < 1:
            raise RunError(f"--trials {text}: must be at least 1")
        return cls(int(text), text.startswith("+"))

    def total(self, done: int = 0) -> int:
        """Return the trials in all, where so many are done."""
        return self.number + (done if self.is_more else 0)

    def to_json(self) -> int:
        return self.number

    def __str__(self) -> str:
        return f"{'+' if self.is_more else ''}{self.number}"


def _read_space(value: Any) -> "SearchSpace":
    from mlpnas.space.space import SearchSpace

    return value if isinstance(value, SearchSpace) else SearchSpace.load(value)


def _read_budget(value: str | Sequence[str]) -> tuple[str, ...]:
    limits = (value,) if isinstance(value, str) else value
    if not isinstance(limits, (list, tuple)) or not all(isinstance(limit, str) for limit in limits):
        raise ValueError(f"expected upper bounds, like 15GFLOPs; got {quoted(value)}")
    return tuple(limits)


def _has_same_limits(given: Sequence[str], before: Sequence[str], decided: Any) -> bool:
    return {Limit.parse(text) for text in given} == {Limit.parse(text) for text in before}


def _read_fill(value: float) -> float:
    if value == 1:
        raise ValueError("1: no architecture uses all of a budget; write a share below 1")
    return value


def _read_duration(value: Any) -> float:
    """Read "30m", or a number of seconds."""
    if isinstance(value, str) or not isinstance(value, (int, float)):
        return seconds(value)
    if not _DURATION.fits(value):
        raise ValueError(refusal(_DURATION, value))
    return float(value)


@dataclass(frozen=True)
class SamplerObject:
    """A sampler that a Python program made; a manifest keeps only its class."""

    sampler: Any
    name = PYTHON

    def to_json(self) -> Any:
        return {PYTHON: {"class": str(self)}}

    def __str__(self) -> str:
        kind = type(self.sampler)
        return f"{kind.__module__}.{kind.__qualname__}"


def _read_sampler(value: Any) -> "Named | SamplerObject":
    if isinstance(value, SamplerObject):
        return value
    if isinstance(value, (str, Mapping, Named)):
        return Named.read(value)
    if not hasattr(value, "sample_relative"):
        raise ValueError(f"expected a sampler's name, or a sampler of Optuna; got {quoted(value)}")
    return SamplerObject(value)


def _read_place(value: Any) -> str:
    if not isinstance(value, (str, Path)):
        raise ValueError(f"expected a path or a source; got {quoted(value)}")
    return str(value)


def _has_same_scores(given: Sequence[str], before: Sequence[str], decided: Any) -> bool:
    from mlpnas.objectives import scores

    return scores(",".join(given)) == scores(",".join(before))


def _read_recipe(value: Any) -> "str | Recipe":
    from mlpnas.training.recipes import read

    return value if value == "auto" else read(value)


def _has_same_recipe(given: "str | Recipe", before: "str | Recipe", decided: Any) -> bool:
    """Return whether it is the recipe that was asked for, or the one that followed from it."""
    from mlpnas.training.recipe import Recipe

    if given == before or isinstance(given, str):
        return given == before
    followed = Recipe.from_json(decided.recipe)
    if given.flip == "auto":
        given = replace(given, flip=followed.flip)
    if decided.fidelity:  # then these are the last rung's
        given = replace(given, epochs=followed.epochs, warmup_epochs=followed.warmup_epochs)
    return given == followed


def _show_recipe(recipe: "str | Recipe", other: "str | Recipe") -> str:
    """Return the name, or the fields that differ."""
    if isinstance(recipe, str) or isinstance(other, str):
        return recipe if isinstance(recipe, str) else recipe.dumps()
    before = other.to_json()
    return ", ".join(f"{name} {value}" for name, value in recipe.to_json().items() if value != before[name])


def _has_same_flip(given: str, before: str, decided: Any) -> bool:
    return given in (before, decided.recipe.get("flip"))


def _list_names(kind: str) -> str:
    return ", ".join(names(kind))


@dataclass(frozen=True)
class SearchOptions:
    """The options of `mlpnas search` and `mlpnas.search`, as they were read; see mlpnas/options.py."""

    space: Option["SearchSpace | str | Path", "SearchSpace"] = Option(
        None,  # type: ignore[arg-type]  # a search without it is refused before anybody asks
        f"A space file, or a shipped space: {', '.join(shipped())}.",
        read=_read_space,
        on_resume=FIXED,
        is_same=lambda given, before, decided: given.hash == before.hash,
        show=lambda space, other: f"{space.name} ({space.hash})",
        is_recorded=False,  # the manifest keeps its text
    )
    budget: Option[str | Sequence[str], tuple[str, ...]] = Option(
        (),
        "Upper bound with its unit: 15GFLOPs, 60Mparams, 12ms. Repeat for more.",
        read=_read_budget,
        on_resume=FIXED,
        is_same=_has_same_limits,
        show=lambda limits, other: " ".join(limits),
        metavar="LIMIT",
        is_repeatable=True,
    )
    _: KW_ONLY
    fill: Option[float, float] = Option(
        0.5,
        "Share of the budget that every proposal uses at least.",
        Number(whole=False, least=0, most=1),
        read=_read_fill,
        on_resume=FIXED,
    )
    trials: Option[int | str, Count] = Option(
        Count(24), "Trials in all; +20 with --resume: so many more.", read=Count.read, on_resume=CHANGEABLE
    )
    time: Option[str | float | None, float | None] = Option(
        None, "Start no trial after this time: 30m, 2h.", read=_read_duration, on_resume=CHANGEABLE
    )
    trial_time: Option[str | float | None, float | None] = Option(
        None,
        "End a trial, as a failure, after this time: 10m.",
        read=_read_duration,
        on_resume=CHANGEABLE,
    )
    data: Option[str | Path | None, str | None] = Option(
        None,
        f"A path (folders, tables, archives) or a source: {_list_names('datasets')}.",
        read=_read_place,
        on_resume=CHANGEABLE,
    )
    image_column: Option[str, str] = Option(
        "", "Of a table of images, where it cannot be guessed.", _NAME, on_resume=FIXED
    )
    label_column: Option[str, str] = Option(
        "", "Of a table of images, where it cannot be guessed.", _NAME, on_resume=FIXED
    )
    skip_bad_images: Option[bool, bool] = Option(
        False, "Go on without images that cannot be read.", FLAG, on_resume=FIXED
    )
    flip: Option[str, str] = Option(
        "auto",
        "Mirror half of the training images: auto, yes or no.",
        Word(("auto", "yes", "no")),
        on_resume=FIXED,
        is_same=_has_same_flip,
    )
    objectives: Option[str | Sequence[str], tuple[str, ...]] = Option(
        ("top1", "macs"),
        f"The first decides what is best: {_list_names('objectives')}.",
        read=texts,
        on_resume=FIXED,
        show=lambda values, other: ",".join(values),
    )
    sampler: Option[Any, Named | SamplerObject] = Option(
        Named("known_cost"),
        f"Who proposes: {_list_names('samplers')}; with options: random:stratify=true.",
        read=_read_sampler,
        on_resume=FIXED,
        remedy=lambda before: "give that object again" if before.name == PYTHON else "leave it out",
        metavar="NAME[:OPTION=VALUE,...]",
    )
    scores: Option[str | Sequence[str], tuple[str, ...]] = Option(
        (),
        "Zero-cost scores to measure beside, for the audit: snip,naswot, or all.",
        read=texts,
        on_resume=FIXED,
        is_same=_has_same_scores,
        show=lambda values, other: ",".join(values),
    )
    recipe: Option["str | Mapping[str, Any] | Recipe", "str | Recipe"] = Option(
        "auto",
        f"auto, {', '.join(SETTINGS)}, or a JSON or YAML file; with options: standard:epochs=30,ema_decay=0.999.",
        read=_read_recipe,
        on_resume=FIXED,
        is_same=_has_same_recipe,
        show=_show_recipe,
        metavar="NAME[:OPTION=VALUE,...]",
    )
    fidelity: Option[str, str] = Option(
        "",
        "Stop most trainings early: epochs=1,3,9 trains the best third further each time.",
        _PLACE,
        read=lambda value: value.replace(" ", ""),
        on_resume=FIXED,
    )
    backend: Option[str, str] = Option(
        "ray", "ray, or local: one trial at a time without Ray.", _NAME, on_resume=CHANGEABLE
    )
    workers: Option[int | None, int | None] = Option(
        None, "Trials at once; one per core or GPU unless given.", Number(most=10_000), on_resume=CHANGEABLE
    )
    device: Option[str | None, str | None] = Option(
        None, "cpu or cuda; GPUs wherever there are any unless given.", Word(("cpu", "cuda")), on_resume=CHANGEABLE
    )
    gpus_per_trial: Option[float | None, float | None] = Option(
        None,
        "Share of a GPU per trial, like 0.25.",
        Number(whole=False, least=-1e6, most=1e6),
        on_resume=CHANGEABLE,
    )
    address: Option[str, str] = Option("", "An existing Ray cluster: auto, or HOST:PORT.", _PLACE, on_resume=CHANGEABLE)
    seed: Option[int, int] = Option(
        0, "Same seed and machine, same search with one worker.", Number(least=0, most=2**63 - 1), on_resume=FIXED
    )
    run: Option[str | Path | None, str | Path | None] = Option(
        None, "Name under runs/, a path, or s3://BUCKET/PATH; a new name unless given."
    )
    resume: Option[bool, bool] = Option(False, "Go on with --run; options that decide what results mean stay.", FLAG)
    listener: Option[Callable[[Mapping[str, Any]], None], Callable[[Mapping[str, Any]], None]] = Option(
        lambda event: None, "Called with every event, a JSON object with the key `event`.", is_typed=False
    )
    command: Option[str, str] = Option("", "The command line, for the manifest.", is_typed=False)


def describe_call(options: SearchOptions) -> str:
    """Return the call of `mlpnas.search` that these options were given to, for the manifest."""
    return options.command or f"mlpnas.search({options.space.name!r}, {plain(options.budget)!r})"
