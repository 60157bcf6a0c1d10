"""Every error that mlpnas raises on purpose.

MlpnasError              the command line prints it without a traceback and exits with 2
├── UnknownName          no plug-in answers to this name
├── UnitError            a quantity without a unit, or with one we do not know
├── TextError            a file that people write and that is no YAML or JSON
├── SpecError            an architecture that cannot be read
│   └── ShapeError       layers that do not fit together (grid, width, heads, windows)
├── SpaceError           a space file that cannot be read; lists all its problems
├── BudgetError          no architecture of the space meets the limits
├── DataError            a data set that is missing, corrupt or unusable
├── RecipeError          training options that contradict each other
├── RunError             a run folder that is missing, locked, unreadable or of another search
│   └── Unreachable      a run that is kept where this machine cannot get; an OSError too, which may pass
├── ExportError          a model that cannot be exported in the wanted form
├── CheckpointError      weights that are missing, unreadable or of another network
└── MissingPackage       an optional package is needed; says which extra installs it
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mlpnas.plain_text import masked, quoted, shortened, visible


class MlpnasError(Exception):
    """Something the user can mend: says where, what, and what to write instead.

    As text it obeys and shows nothing that a name or a URI of others may hold: no escape sequence, no credentials.
    """

    def __str__(self) -> str:
        return visible(masked(super().__str__()), keep="\n\t")


_LONGEST_NAME = 60  # what is longer resembles no name of ours, and comparing it takes long


def did_you_mean(name: object, known: Sequence[str]) -> str:
    """ " - did you mean ...?" with the nearest of the known names, or nothing."""
    is_short = isinstance(name, str) and len(name) <= _LONGEST_NAME
    near = get_close_matches(str(name), known, n=1) if is_short else []
    return f" - did you mean {near[0]}?" if near else ""


class UnknownName(MlpnasError):
    def __init__(self, kind: str, name: object, known: Sequence[str]) -> None:
        super().__init__(f"no {kind} is called {quoted(name)}{did_you_mean(name, known)} (known: {', '.join(known)})")


class UnitError(MlpnasError):
    pass


class SpecError(MlpnasError):
    pass


class ShapeError(SpecError):
    pass


SHOWN = 20  # problems of one file in a message


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file: where it stands (line 0: nowhere in particular), what is wrong and the remedy."""

    line: int
    path: str
    text: str

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        return f"{line}{f'{shortened(self.path)}: ' if self.path else ''}{self.text}"


class SpaceError(MlpnasError):
    """All problems of a space file at once, in the order of its lines; of very many, the first are shown."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.path)))
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        rows = [f"  {problem}" for problem in self.problems[:SHOWN]]
        more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        super().__init__("\n".join([f"{shortened(source)}: {count}", *rows, *more]))


class TextError(MlpnasError):
    """Text that cannot be read as YAML or JSON, with every problem."""

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
