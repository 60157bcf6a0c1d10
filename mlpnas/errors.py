"""Every error that mlpnas raises on purpose.

MlpnasError              the command line prints it without a traceback and exits with 2
├── UnknownName          a name that no plug-in has
├── UnitError            a quantity without a unit, or with an unknown one
├── TextError            a file of the user that is no YAML or JSON
├── SpecError            an architecture that cannot be read
│   └── ShapeError       layers that do not fit together (grid, width, heads, windows)
├── SpaceError           a space file that cannot be read; lists all its problems
├── BudgetError          no architecture of the space meets the limits
├── DataError            a data set that is missing, corrupt or unusable
├── RecipeError          training options that contradict each other
├── RunError             a run folder that is missing, locked, unreadable or of another search
│   └── Unreachable      a remote run that this machine cannot reach; an OSError too, and may be temporary
├── ExportError          a model that cannot be exported in this format
├── CheckpointError      weights that are missing, unreadable or of another network
└── MissingPackage       a missing optional package; names the extra that installs it
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mlpnas.plain_text import masked, plural, quoted, shortened, visible


class MlpnasError(Exception):
    """An error that the user can fix: it says where, what, and what to write instead.

    Its text contains no escape sequences and no credentials, even if a foreign name or URI does.
    """

    def __str__(self) -> str:
        return visible(masked(super().__str__()), keep="\n\t")


_LONGEST_NAME = 60  # longer names resemble none of ours, and take long to compare


def did_you_mean(name: object, known: Sequence[str]) -> str:
    """Return " - did you mean ...?" with the nearest known name, or ""."""
    is_short = isinstance(name, str) and len(name) <= _LONGEST_NAME
    near = get_close_matches(str(name), known, n=1) if is_short else []
    return f" - did you mean {near[0]}?" if near else ""


class UnknownName(MlpnasError):
    def __init__(self, kind: str, name: object, known: Sequence[str]) -> None:
        super().__init__(f"no {kind} is called {quoted(name)}{did_you_mean(name, known)} (known: {', '.join(known)})")


class UnitError(MlpnasError):
    pass


class OptionError(MlpnasError):
    pass


class SpecError(MlpnasError):
    pass


class ShapeError(SpecError):
    pass


SHOWN = 20  # problems of one file in a message


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file: line (0: none in particular), path, and text with the remedy."""

    line: int
    path: str
    text: str

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        return f"{line}{f'{shortened(self.path)}: ' if self.path else ''}{self.text}"


class SpaceError(MlpnasError):
    """All problems of a space file in the order of its lines; the text shows the first 20."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.path)))
        rows = [f"  {problem}" for problem in self.problems[:SHOWN]]
        more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        super().__init__("\n".join([f"{shortened(source)}: {plural(len(problems), 'problem')}", *rows, *more]))


class TextError(MlpnasError):
    """Text that cannot be read as YAML or JSON, with all its problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.path)))
        super().__init__("; ".join(map(str, self.problems[:SHOWN])))


class BudgetError(MlpnasError):
    pass


class DataError(MlpnasError):
    pass


class RecipeError(MlpnasError):
    pass


class RunError(MlpnasError):
    pass


class Unreachable(RunError, OSError):
    pass


class ExportError(MlpnasError):
    pass


class CheckpointError(MlpnasError):
    pass


class MissingPackage(MlpnasError):
    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: pip install 'mlpnas[{extra}]'")
