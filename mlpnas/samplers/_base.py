"""ArchitectureSampler: a sampler of Optuna that proposes whole architectures of a space, inside a window of costs."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from mlpnas.record import Record
from mlpnas.samplers._archive import Archive
from mlpnas.samplers._domain import Domain, Scorer
from mlpnas.samplers._encoding import Encoding
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers

NUMBER = "trial"  # the user attribute that holds the number of the trial in its run


class Asked(NamedTuple):
    """One request for a proposal.

    Attributes:
        number: of the trial, in its run.
        rng: that of this trial, so that a resumed search goes on as an uninterrupted one would.
        study, trial: as Optuna gives them to a sampler.
    """

    number: int
    rng: np.random.Generator
    study: Study
    trial: FrozenTrial


class ArchitectureSampler(BaseSampler):
    """Proposes a whole architecture for every trial.

    Args:
        objectives: name -> "maximize" | "minimize".

    Attributes:
        archive: what was proposed and told.
        shown: how many of the latest trials a study shows it beside the front; None: all of them.
        scorer: measures scores of architectures that were not tried; None: no scores are measured.
        notes: for people, and for the manifest.
    """

    shown: int | None = None
    scorer: Scorer | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        self.domain, self.window, self.objectives, self.seed = domain, window, dict(objectives), seed
        self.archive = Archive(domain, window, objectives)
        self.encoding = Encoding(domain.questions)
        self._samples: dict[int, Sample] = {}
        self._others = RandomSampler(seed)

    @abstractmethod
    def propose(self, asked: Asked) -> Sample:
        """Return an architecture inside the window, from the request and what was told alone."""
        raise NotImplementedError

    def tell(self, record: Record) -> None:
        """Take in a record of a proposal, finished, stopped or failed; of one that a resume reads, too.

        A record with the origin duplicate ends its proposal without news.
        """
        self.archive.tell(record)

    def translate(self, trial: FrozenTrial) -> FrozenTrial:
        """Return a trial of the study as the sampler is to see it."""
        return trial

    def params(self, answers: Answers) -> dict[str, Any]:
        """Return the parameters that a trial of Optuna holds of an architecture."""
        return self.encoding.params(answers)

    def take_sample(self, trial: int) -> Sample:
        """Return what was proposed for a trial of Optuna, by its number there, once."""
        return self._samples.pop(trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.encoding.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        number = trial.user_attrs.get(NUMBER, trial.number)
        sample = self.propose(Asked(number, np.random.default_rng([self.seed, number]), study, trial))
        self.archive.propose(number, sample)
        self._samples[trial.number] = sample
        return self.params(sample.answers)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a uniform value: the parameter is no question of the space."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)
