"""The borders where input enters, and the rules of every refusal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fuzz_mutate import Mutator, in_bytes, mutate

from mlpnas.errors import MlpnasError


@dataclass(frozen=True)
class Border:
    """A place where input enters.

    Attributes:
        share: its share of all inputs.
        inputs: makes valid inputs in a working folder.
        enter: reads an input or raises MlpnasError; may return specs as JSON.
        mutators: functions that damage an input.
    """

    name: str
    share: float
    inputs: Callable[[Path], Sequence[Any]]
    enter: Callable[[Any, Path], Sequence[str] | None]
    mutators: Sequence[Mutator] = (in_bytes,)

    def input(self, seed: int, number: int, valid: Sequence[Any]) -> Any:
        return mutate(Random(f"{self.name} {seed} {number}"), valid, self.mutators)


def any_of(*attempts: Callable[[], object]) -> None:
    """Try all readers, each of which may refuse; raise if all refuse."""
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
    """Raise AssertionError if a message is empty or too long to read."""
    text = str(error)
    if not text.strip() or len(text) > 20_000 or max(map(len, text.splitlines())) > 2_000:
        raise AssertionError(f"a message of {len(text)} characters: {text[:100]}")


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass"))
    return path


def _is_escaped(text: str) -> bool:
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in text)
