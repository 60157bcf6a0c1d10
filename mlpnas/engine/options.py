"""What a user may ask of a search: each option is declared here once, with its default and what a resume does with it.

A **fixed** option decides what the results mean: given to a resume and different, it is refused. A **changeable** one
decides how long and where the search goes on: given to a resume, it takes effect.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from mlpnas.errors import RunError
from mlpnas.kinds import Number, refusal
from mlpnas.plain_text import shortened
from mlpnas.units import seconds

if TYPE_CHECKING:
    from mlpnas.manifest import Manifest
    from mlpnas.space.space import SearchSpace
    from mlpnas.training.recipe import Recipe

FIXED, CHANGEABLE = "fixed", "changeable"
_COUNT = re.compile(r"\+?[0-9]{1,9}")


@dataclass(frozen=True)
class Declaration:
    """How one option is treated.

    Attributes:
        option: its name as a user types it.
        on_resume: FIXED or CHANGEABLE.
        read: turns what the user gave into the value that `Options` holds.
        before: of a fixed option, the value that a run was searched with; None: the manifest does not tell.
        is_same: of a fixed option, whether a given value is the one of `before`, in this run.
        show: a value in a message that names another one too.
    """

    option: str
    on_resume: str
    read: Callable[[Any], Any]
    before: Callable[["Manifest"], Any] = lambda manifest: None
    is_same: Callable[[Any, Any, "Manifest"], bool] = lambda given, before, manifest: bool(given == before)
    show: Callable[[Any, Any], str] = lambda value, other: str(value)


def _fixed(option: str, default: Any, before: Callable[["Manifest"], Any], read: Any = None, **more: Any) -> Any:
    declaration = Declaration(option, FIXED, read or _as_given, before, **more)
    return field(default=default, metadata={"declaration": declaration})


def _changeable(option: str, default: Any, read: Any = None) -> Any:
    return field(default=default, metadata={"declaration": Declaration(option, CHANGEABLE, read or _as_given)})


def _as_given(value: Any) -> Any:
    return value


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    """ "top1,macs" or ["top1", "macs"] -> ("top1", "macs")."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)


def _budget(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _is_same_budget(given: Sequence[str], before: Sequence[str], manifest: "Manifest") -> bool:
    from mlpnas.units import Limit

    return {Limit.parse(text) for text in given} == {Limit.parse(text) for text in before}


def _space(value: Any) -> "SearchSpace":
    from mlpnas.space.space import SearchSpace

    return value if isinstance(value, SearchSpace) else SearchSpace.load(value)


def _space_before(manifest: "Manifest") -> "SearchSpace":
    return manifest.search_space(f"{manifest.name}/space.yaml")


def _scores(value: str | Sequence[str]) -> tuple[str, ...]:
    from mlpnas.objectives import scores

    return scores(value if isinstance(value, str) else ",".join(value))


def _recipe(value: "str | Recipe") -> "str | Recipe":
    from mlpnas.training.recipes import named

    return named(value) if isinstance(value, str) and value != "auto" else value


def _recipe_before(manifest: "Manifest") -> "str | Recipe":
    """The recipe as it was asked for; of a run that did not keep this, the one that was trained."""
    from mlpnas.training.recipe import Recipe

    asked = manifest.asked.get("recipe", "auto" if manifest.asked else manifest.recipe)
    return asked if isinstance(asked, str) else Recipe.from_json(asked)


def _is_same_recipe(given: "str | Recipe", before: "str | Recipe", manifest: "Manifest") -> bool:
    if isinstance(given, str) or isinstance(before, str) or manifest.asked:
        return given == before
    if given.flip == "auto":
        given = replace(given, flip=before.flip)
    if manifest.fidelity:  # then these are the last rung's
        given = replace(given, epochs=before.epochs, warmup_epochs=before.warmup_epochs)
    return given == before


def _show_recipe(recipe: "str | Recipe", other: "str | Recipe") -> str:
    """The name, or what differs."""
    if isinstance(recipe, str) or isinstance(other, str):
        return recipe if isinstance(recipe, str) else recipe.dumps()
    before = other.to_json()
    return ", ".join(f"{name} {value}" for name, value in recipe.to_json().items() if value != before[name])


def _is_same_flip(given: str, before: str, manifest: "Manifest") -> bool:
    """Also what auto has decided."""
    return given in (before, manifest.recipe.get("flip"))


def _listed(separator: str) -> Callable[[Any, Any], str]:
    return lambda values, other: separator.join(values)


def _fidelity_before(manifest: "Manifest") -> str:
    return f"epochs={','.join(map(str, manifest.fidelity))}" if manifest.fidelity else ""


def _whole(value: Any) -> int:
    """A count of trials, 24; "+8" is turned into one by `count`."""
    return count(value, 0)


def _within(option: str, kind: Number) -> Callable[[Any], Any]:
    """Return what reads a number of a kind."""

    def read(value: Any) -> Any:
        if not kind.fits(value):
            raise RunError(f"{option}: {refusal(kind, value)}")
        return value

    return read


def _flip(value: str) -> str:
    if value not in ("auto", "yes", "no"):
        raise RunError(f"--flip {value}: write auto, yes or no")
    return value


def _device(value: str) -> str:
    if value not in ("cpu", "cuda"):
        raise RunError(f"--device {value}: write cpu or cuda")
    return value


@dataclass(frozen=True)
class Options:
    """What the user asks; see `search` for the meaning. None, or the default: not given."""

    space: "SearchSpace" = _fixed(  # noqa: RUF009
        "--space",
        None,
        _space_before,
        _space,
        is_same=lambda given, before, manifest: given.hash == before.hash,
        show=lambda space, other: f"{space.name} ({space.hash})",
    )
    budget: tuple[str, ...] = _fixed(
        "--budget", (), lambda manifest: manifest.budget, _budget, is_same=_is_same_budget, show=_listed(" ")
    )
    fill: float = _fixed("--fill", 0.5, lambda manifest: manifest.fill)
    trials: int = _changeable("--trials", 24, _whole)
    time: float | None = _changeable("--time", None, seconds)
    trial_time: float | None = _changeable("--trial-time", None, seconds)
    data: str | None = _changeable("--data", None)
    image_column: str = _fixed("--image-column", "", lambda manifest: manifest.data.get("image_column", ""))
    label_column: str = _fixed("--label-column", "", lambda manifest: manifest.data.get("label_column", ""))
    skip_bad_images: bool = _fixed("--skip-bad-images", False, lambda manifest: manifest.data.get("skip_bad", False))
    flip: str = _fixed(
        "--flip", "auto", lambda manifest: manifest.asked.get("flip", "auto"), _flip, is_same=_is_same_flip
    )
    objectives: tuple[str, ...] = _fixed(
        "--objectives", ("top1", "macs"), lambda manifest: tuple(manifest.objectives), _texts, show=_listed(",")
    )
    sampler: str = _fixed("--sampler", "known_cost", lambda manifest: manifest.sampler)
    stratify: bool = _fixed("--stratify", False, lambda manifest: bool(manifest.sampler_options.get("stratify", False)))
    scores: tuple[str, ...] = _fixed("--scores", (), lambda manifest: manifest.scores, _scores, show=_listed(","))
    recipe: "str | Recipe" = _fixed(  # noqa: RUF009
        "--recipe", "auto", _recipe_before, _recipe, is_same=_is_same_recipe, show=_show_recipe
    )
    fidelity: str = _fixed("--fidelity", "", _fidelity_before, lambda value: value.replace(" ", ""))
    seed: int = _fixed("--seed", 0, lambda manifest: manifest.seed, _within("--seed", Number(least=0, most=2**63 - 1)))
    backend: str = _changeable("--backend", "ray")
    workers: int | None = _changeable("--workers", None, _within("--workers", Number(most=10_000)))
    device: str | None = _changeable("--device", None, _device)
    gpus_per_trial: float | None = _changeable("--gpus-per-trial", None)
    address: str = _changeable("--address", "")


DECLARATIONS: Mapping[str, Declaration] = {f.name: f.metadata["declaration"] for f in fields(Options)}


def given(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given (not None), each as `Options` holds it.

    Raises:
        MlpnasError: a value that cannot be read.
    """
    return {name: DECLARATIONS[name].read(value) for name, value in asked.items() if value is not None}


def to_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """Given options for the manifest; the space stands there by itself."""
    plain = {name: getattr(value, "to_json", lambda value=value: value)() for name, value in options.items()}
    return {name: value for name, value in plain.items() if name != "space"}


def check_fixed(options: Mapping[str, Any], manifest: "Manifest") -> None:
    """Raises RunError where a fixed option was given and differs from what the run was searched with."""
    wrong = []
    for name, value in options.items():
        declared = DECLARATIONS[name]
        if declared.on_resume == FIXED and not declared.is_same(value, before := declared.before(manifest), manifest):
            wrong.append(
                f"{_given(declared, value, before)}: this run was searched {_with(declared, value, before)}; "
                "leave it out, or start another --run"
            )
    if wrong:
        raise RunError("\n".join(wrong))


def _given(declared: Declaration, value: Any, before: Any) -> str:
    return declared.option if value is True else f"{declared.option} {shortened(declared.show(value, before))}".strip()


def _with(declared: Declaration, value: Any, before: Any) -> str:
    shown = "" if before is False else "it" if before is True else shortened(declared.show(before, value))
    return f"with {shown}" if shown else "without it"


def count(trials: int | str, done: int) -> int:
    """24 -> 24 in all; "+8" -> 8 more than are done."""
    text = str(trials)
    if not _COUNT.fullmatch(text):
        raise RunError(f"--trials {shortened(text)}: expected a number like 24, or +24 for so many more")
    found = int(text) + (done if text.startswith("+") else 0)
    if found < 1:
        raise RunError(f"--trials {text}: must be at least 1")
    return found
