"""SearchSpace: a declared design space, loaded and checked, that counts, samples and fits architectures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np

from mlpnas.costs import cost
from mlpnas.documents import read_text
from mlpnas.errors import SHOWN, BudgetError, Problem, SpaceError, SpecError, TextError
from mlpnas.named import Scalar
from mlpnas.plain_text import quoted
from mlpnas.space import edit, fit
from mlpnas.space.assemble import Assembly
from mlpnas.space.codes import Candidates, Codes, encode
from mlpnas.space.load import find_file, read
from mlpnas.space.tables import QUANTITIES, SUMMED, Sample, SpaceTables, StageChain, Window
from mlpnas.space.tree import Answers, Choose, Pick, count, questions, resolve
from mlpnas.spec import ArchSpec
from mlpnas.units import Limit, show

Budget = str | Limit | Iterable[str | Limit] | None
_TRIES = 10_000


class SearchSpace:
    """A tree of questions whose answers give an ArchSpec.

    Args:
        text: the content of a space file. source: the file's name in messages.
        channels, classes: those of the images, if the file leaves them out; None: 3 and 1000, as in ImageNet.

    Attributes:
        image: `channels` and `classes` as they were given.

    Example:
        >>> import numpy as np, mlpnas
        >>> space = mlpnas.SearchSpace.load("quick")
        >>> sample = space.sample(np.random.default_rng(0), budget="2MMACs")
        >>> sample.costs["macs"] <= 2e6 and space.spec(sample.answers) == sample.spec
        True

    Raises:
        SpaceError: the text is no space; names every problem, its line and the remedy.
    """

    def __init__(
        self, text: str, source: str = "space", *, channels: int | None = None, classes: int | None = None
    ) -> None:
        self.text, self.source = text, source
        document = read(text, source)
        self.name, self.seeds = document.name, document.seeds
        self.constraints = document.limits
        self.network, self.stages = document.network, document.stages
        given = {"channels": channels, "classes": classes}
        self.image = {name: value for name, value in given.items() if value is not None}
        self.tables = SpaceTables(self.network, self.stages, self.image)
        self._tightest = cache(self._find_tightest)
        self._refuse_unusable(document.lines)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the space of a file by path, or a shipped one by name (asmlp, quick.yaml).

        Raises:
            SpaceError: there is no such file, or it has problems.
        """
        file = find_file(path)
        try:
            text = read_text(file)
        except TextError as error:
            raise SpaceError(str(path), error.problems) from None
        return cls(text, file.name)

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """The names among channels and classes that the file leaves to the data."""
        stated = [table.assembly.network.get("input", {}) for table in self.tables.networks]
        return tuple(name for name in ("channels", "classes") if any(name not in image for image in stated))

    def for_data(self, channels: int, classes: int) -> "SearchSpace":
        """Return the same space for images of `channels` and `classes`, if the file leaves them out."""
        return _for_data(self.text, self.source, channels, classes) if self.left_out else self

    def with_head(self, spec: ArchSpec) -> ArchSpec:
        """Return `spec` with the channels and classes of this space's architectures."""
        own = self.tables.networks[0].assembly.image
        return replace(spec, channels=own.get("channels", spec.channels), classes=own.get("classes", spec.classes))

    def _refuse_unusable(self, lines: Mapping[str, int]) -> None:
        """Raise SpaceError if no architecture can have some option: it is a mistake in the file."""
        used = self.tables.used_answers()
        unused = [(q, label) for q in self.questions for label in q.labels if (q.path, label) not in used]
        reasons = [self._reason(*each) for each in unused[:SHOWN]] + [""] * len(unused[SHOWN:])
        problems = [
            Problem(lines.get(q.path, 1), q.path, f"{quoted(label)} fits no architecture of this space{reason}")
            for (q, label), reason in zip(unused, reasons, strict=True)
        ]
        if not any(table.is_buildable() for table in self.tables.networks):
            problems = [Problem(1, "", f"no architecture can be built{self._reason(None, None)}")]
        if problems:
            raise SpaceError(self.source, problems)

    def _reason(self, question: Choose | None, label: Scalar) -> str:
        """Return why the first architecture with this answer cannot be built, as a clause; "" if it can."""
        try:
            cost(self.walk(lambda asked: label if asked is question else asked.labels[0])[1])
        except SpecError as error:
            return f": {error}"
        return ""

    @cached_property
    def questions(self) -> tuple[Choose, ...]:
        """Every question, asked or not, in the order of the file."""
        return tuple(q for level in (self.network, *self.stages) for q in questions(level))

    @property
    def hash(self) -> str:
        """12 hex digits of the text."""
        return sha256(self.text.encode()).hexdigest()[:12]

    @property
    def size(self) -> int:
        """Number of sets of answers, including those that cannot be built."""
        return int(np.prod([count(level) for level in (self.network, *self.stages)], dtype=object))

    def walk(self, pick: Pick) -> tuple[Answers, ArchSpec]:
        """Ask `pick` every question on the way down the tree; return the answers and their architecture.

        Raises:
            ShapeError: the answers do not fit together.
        """
        answers = self.answers(pick)
        return answers, self.spec(answers)

    def answers(self, pick: Pick) -> Answers:
        """Return the answers of `pick` on the way down the tree, which may not fit together."""
        answers: Answers = {}

        def ask(question: Choose) -> Scalar:
            answers[question.path] = pick(question)
            return answers[question.path]

        for level in (self.network, *self.stages):
            resolve(level, ask)
        return answers

    def spec(self, answers: Answers) -> ArchSpec:
        """Return the architecture of a whole set of answers; raises as `walk` does."""
        network, *stages = (resolve(level, lambda q: answers[q.path]) for level in (self.network, *self.stages))
        assembly = Assembly(network, len(stages), self.image)
        return assembly.spec([assembly.stage(number, values) for number, values in enumerate(stages)])

    def suggest(self, trial: Any) -> ArchSpec:
        """Return the architecture that a trial of an Optuna study suggests, whatever the sampler; see docs/search.md.

        A question whose labels are numbers is asked as an integer, their place in order; any other as a category.

        Raises:
            ShapeError: the answers do not fit together. SpecError: an enqueued answer is none.
        """

        def ask(question: Choose) -> Scalar:
            if not question.ordered:
                label: Scalar = trial.suggest_categorical(question.path, question.labels)
                return label
            place, last = trial.suggest_int(question.path, 0, len(question.ordered) - 1), len(question.ordered) - 1
            if not 0 <= place <= last:
                raise SpecError(
                    f"{question.path}: the trial answers {quoted(place)}; expected a number from 0 to {last}"
                )
            return question.ordered[place]

        return self.walk(ask)[1]

    def limits(self, budget: Budget = None) -> dict[str, float]:
        """Return the upper limits by quantity: the lower of the budget's and the file's.

        Raises:
            UnitError: a budget that cannot be read.
        """
        limits: dict[str, float] = {}
        for limit in [*self.constraints, *_parse(budget)]:
            limits[limit.quantity] = min(limit.value, limits.get(limit.quantity, np.inf))
        return limits

    def window(self, budget: Budget = None, fill: float = 0.0) -> Window:
        """Return the window of the limits on costs that are known before training.

        The budget's first quantity also gets the lower bound `fill` times the limit.

        Raises:
            BudgetError: nothing in the space is that cheap; names the cheapest cost.
        """
        limits = {name: value for name, value in self.limits(budget).items() if name in QUANTITIES}
        for name, bound in limits.items():
            low, _ = self.tables.range(name)
            if name in SUMMED and low > bound:
                raise BudgetError(
                    f"{self.source}: nothing has {show(bound, name)} or less; the cheapest has {show(low, name)}"
                )
        asked = [limit.quantity for limit in _parse(budget) if limit.quantity in SUMMED][:1]
        return {name: (bound * fill if name in asked else 0.0, bound) for name, bound in limits.items()}

    def sample(self, rng: np.random.Generator, budget: Budget | Window = None) -> Sample:
        """Return a uniform sample of the architectures inside the budget and the file's constraints.

        Args:
            budget: as text, or a window as the method `window` returns it.

        Raises:
            BudgetError: there is none. UnitError: a budget that cannot be read.
        """
        return self._sample_chain(rng, budget if isinstance(budget, Mapping) else self.window(budget)).build()

    def _sample_chain(self, rng: np.random.Generator, window: Window) -> StageChain:
        tightest = self._tightest(tuple(sorted(window.items())))
        low, high = window.get(tightest, (0.0, np.inf))
        for _ in range(_TRIES):
            chain = self.tables.sample(tightest, low, high, rng)
            if chain is not None and chain.is_inside(window):
                return chain
        bounds = ", ".join(show(bound, name) for name, (_, bound) in window.items())
        lower = ", or lower --fill" if any(low for low, _ in window.values()) else ""
        raise BudgetError(
            f"{self.source}: found no architecture within {bounds} together in {_TRIES} samples; raise one{lower}"
        )

    def _find_tightest(self, bounds: tuple[tuple[str, tuple[float, float]], ...]) -> str:
        """Return the quantity whose limits the fewest of 100 samples keep."""
        asked = [name for name, _ in bounds if name in SUMMED]
        if len(asked) < 2:
            return (asked or ["macs"])[0]
        look, window = np.random.default_rng(0), dict(bounds)
        some = [self.tables.sample("macs", 0.0, np.inf, look) for _ in range(100)]
        return min(asked, key=lambda name: sum(chain.is_inside({name: window[name]}) for chain in some if chain))

    def fit(self, answers: Answers, window: Window, rng: np.random.Generator) -> Sample:
        """Return the architecture inside `window` that is nearest to `answers`; see space/fit.py.

        Raises:
            BudgetError: nothing lies inside the window.
        """
        chain = fit.fit(self.tables, encode(self.questions, [answers])[0], window, rng)
        return (chain or self._sample_chain(rng, window)).build()

    def samples(self, count: int, window: Window, rng: np.random.Generator) -> Candidates:
        """Return `count` uniform samples that are not built; raises as `sample` does."""
        return self._candidates([self._sample_chain(rng, window) for _ in range(count)])

    def mutate(self, parents: Codes, edits: Sequence[int], window: Window, rng: np.random.Generator) -> Candidates:
        """Return each parent after its number of edits, inside `window`; those with nothing near are left out.

        Args:
            parents: (n, questions), architectures of the space. edits: (n,).
        """
        distinct, number = np.unique(parents, axis=0, return_inverse=True)
        chains = [edit.chain_of(self.tables, codes) for codes in distinct]
        pairs = [(chains[place], count) for place, count in zip(number, edits, strict=True)]
        return self._candidates(
            [chain and edit.mutate(self.tables, chain, count, window, rng) for chain, count in pairs]
        )

    def cross(self, mothers: Codes, fathers: Codes, window: Window, rng: np.random.Generator) -> Candidates:
        """Return a child of each pair of (n, questions) inside `window`; those with nothing near are left out."""
        pairs = zip(mothers, fathers, strict=True)
        return self._candidates([edit.cross(self.tables, mother, father, window, rng) for mother, father in pairs])

    def _candidates(self, chains: Iterable[StageChain | None]) -> Candidates:
        found = [chain for chain in chains if chain is not None]
        codes = np.array([chain.codes for chain in found], np.int16).reshape(len(found), len(self.questions))
        return Candidates(codes, {name: np.array([chain.cost(name) for chain in found]) for name in QUANTITIES})

    quantities = QUANTITIES

    def range(self, quantity: str) -> tuple[float, float]:
        """Return the lowest and highest cost of the space."""
        return self.tables.range(quantity)

    def find(self, spec: ArchSpec) -> Answers | None:
        """Return the answers that lead to `spec`, or None if the space does not contain it."""
        return self.tables.find(spec)


@lru_cache(maxsize=8)
def _for_data(text: str, source: str, channels: int, classes: int) -> SearchSpace:
    return SearchSpace(text, source, channels=channels, classes=classes)


def _parse(budget: Budget) -> list[Limit]:
    given = [budget] if isinstance(budget, (str, Limit)) else list(budget or ())
    return [item if isinstance(item, Limit) else Limit.parse(item) for item in given]
