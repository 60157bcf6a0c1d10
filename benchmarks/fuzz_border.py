"""What a border is, and what every refusal at one must keep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fuzz_mutate import Mutator, in_bytes, mutate

from mlpnas.errors import MlpnasError


@dataclass(frozen=True)
class Border:
    """Where something enters.

    Attributes:
        share: of all inputs.
        inputs: makes the valid ones, given a folder to work in.
        enter: takes an input in; raises MlpnasError where it is refused. May return specs as JSON.
        mutators: what damages an input.
    """

    name: str
    share: float
    inputs: Callable[[Path], Sequence[Any]]
    enter: Callable[[Any, Path], Sequence[str] | None]
    mutators: Sequence[Mutator] = (in_bytes,)

    def input(self, seed: int, number: int, valid: Sequence[Any]) -> Any:
        return mutate(Random(f"{self.name} {seed} {number}"), valid, self.mutators)


def any_of(*attempts: Callable[[], object]) -> None:
    """Enter each of several readers: any may refuse, and none may do anything else; raises where all refuse."""
    refusals = []
    for attempt in attempts:
        try:
            attempt()
        except MlpnasError as error:
            check_refusal(error)
            refusals.append(error)
    if len(refusals) == len(attempts):
        raise refusals[-1]


def check_refusal(error: MlpnasError) -> None:
    """Raises AssertionError where a message is empty, or longer than people read."""
    text = str(error)
    if not text.strip() or len(text) > 20_000 or max(map(len, text.splitlines())) > 2_000:
        raise AssertionError(f"a message of {len(text)} characters: {text[:100]}")


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass"))
    return path


def _is_escaped(text: str) -> bool:
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in text)
