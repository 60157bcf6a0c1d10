"""The questions of a space as parameters of Optuna.

A question whose labels are all numbers (width, depth, ratio, shift size) becomes an integer: the place of the label in
their order. Any other question becomes a categorical parameter of its labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import Trial

from mlpnas.named import Scalar
from mlpnas.space.tree import Answers, Choose


class Encoding:
    """Translates answers (question path -> label) to parameters of Optuna and back.

    Args:
        is_ordered: whether answers that are numbers become integers; else they are categories too.

    Attributes:
        distributions: of every question, asked or not, by its path.
        first: the parameters that stand for the first label of every question.
    """

    def __init__(self, questions: Sequence[Choose], *, is_ordered: bool = True) -> None:
        self._labels = {q.path: q.labels for q in questions}
        self._ordered = {q.path: q.ordered for q in questions if q.ordered and is_ordered}
        self.distributions: dict[str, BaseDistribution] = {
            q.path: IntDistribution(0, len(q.labels) - 1)
            if q.path in self._ordered
            else CategoricalDistribution(q.labels)
            for q in questions
        }
        self.first = self.params({q.path: self._ordered.get(q.path, q.labels)[0] for q in questions})

    def params(self, answers: Mapping[str, Scalar]) -> dict[str, Any]:
        """Return the parameters of answers."""
        ordered = self._ordered
        return {path: ordered[path].index(label) if path in ordered else label for path, label in answers.items()}

    def label(self, path: str, param: Any) -> Scalar:
        """Return the answer that a parameter stands for."""
        return self._ordered[path][param] if path in self._ordered else param

    def answers(self, params: Mapping[str, Any]) -> Answers:
        """Return the answers that parameters stand for."""
        return {path: self.label(path, param) for path, param in params.items()}

    def is_param(self, path: str, param: Any) -> bool:
        """Return whether `param` is a value of the parameter `path`."""
        distribution = self.distributions[path]
        if isinstance(distribution, CategoricalDistribution):
            return param in distribution.choices
        return isinstance(distribution, IntDistribution) and distribution.low <= param <= distribution.high

    def is_answer(self, path: str, label: Scalar) -> bool:
        """Return whether `label` is an answer to the question `path`."""
        return label in self._labels.get(path, ())

    def suggest(self, trial: Trial, paths: Iterable[str]) -> None:
        """Ask a trial of Optuna for the parameters of these questions."""
        for path in paths:
            match self.distributions[path]:
                case CategoricalDistribution(choices=choices):
                    trial.suggest_categorical(path, choices)
                case IntDistribution(low=low, high=high):
                    trial.suggest_int(path, low, high)
