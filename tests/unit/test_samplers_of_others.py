"""Samplers of Optuna and OptunaHub in a search: what they need, what is refused, what they see."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from mlpnas.errors import MlpnasError
from mlpnas.record import Record
from mlpnas.samplers import RunStudy, make_sampler
from mlpnas.samplers import _study as study_file
from mlpnas.samplers._encoding import Encoding
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import is_inside

BOTH = {"top1": "maximize", "macs": "minimize"}
HUB = """
from optuna.samplers import RandomSampler
class Walk(RandomSampler):
    def __init__(self, search_space, step: int = 1, seed=None):
        super().__init__(seed)
        self.step, self.search_space = step, search_space
    def infer_relative_search_space(self, study, trial):
        return self.search_space
    def sample_relative(self, study, trial, search_space):
        if len(study.trials) > 20: raise KeyError("lost")
        return {name: self.sample_independent(study, trial, name, one) for name, one in search_space.items()}
__all__ = ["Walk"]
"""


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace.load("quick")


def _search(space: SearchSpace, sampler: Any, trials: int, objectives: dict[str, str] = BOTH) -> RunStudy:
    window = space.window("1MMACs", fill=0.2)
    study = RunStudy(make_sampler(sampler, space, window, objectives, 0))
    for trial in range(trials):
        sample = study.ask(trial).sample
        assert is_inside(sample.costs, window)
        values = {**sample.costs, "top1": 0.5 + 0.1 * (sample.answers["width"] == 24)}
        study.tell(Record(trial, sample.spec.key, "", sample.answers, "done", values=values))
    return study


@pytest.mark.parametrize("objectives", [BOTH, {"top1": "maximize"}])
@pytest.mark.parametrize(
    "sampler",
    ["optuna:NSGAIIISampler:population_size=8", "optuna:QMCSampler", "optuna:TPESampler:n_startup_trials=5"],
)
def test_samplers_of_optuna_stay_inside_the_window(
    space: SearchSpace, sampler: str, objectives: dict[str, str]
) -> None:
    trials = _search(space, sampler, 16, objectives).study.trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 16
    assert len({str(trial.params) for trial in trials}) == 16


@pytest.mark.parametrize(
    "make", [lambda: optuna.samplers.RandomSampler(seed=1), lambda: optuna.samplers.GPSampler(seed=1)]
)
def test_an_object_of_optuna_is_a_sampler(space: SearchSpace, make: Callable[[], BaseSampler]) -> None:
    assert len(_search(space, make(), 12, {"top1": "maximize"}).study.trials) == 12


def test_a_flat_sampler_sees_every_question_in_every_trial(space: SearchSpace) -> None:
    for sampler, is_flat in (("optuna:QMCSampler", True), ("optuna:RandomSampler", False)):
        trials = _search(space, sampler, 6).study.trials
        assert all((set(trial.params) == {q.path for q in space.questions}) is is_flat for trial in trials)


def test_a_package_of_optunahub_is_a_sampler(space: SearchSpace, tmp_path: Path) -> None:
    pytest.importorskip("optunahub")
    (tmp_path / "samplers" / "walk").mkdir(parents=True)
    (tmp_path / "samplers" / "walk" / "__init__.py").write_text(HUB)
    name = f"optunahub:samplers/walk:registry={tmp_path},step=2"
    assert len(_search(space, name, 15).study.trials) == 15
    with pytest.raises(MlpnasError, match=r"the sampler Walk failed \(KeyError: 'lost'\)"):
        _search(space, name, 30)


@pytest.mark.parametrize("has_git", [True, False])
def test_the_commit_of_a_download_is_noted(
    space: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_git: bool
) -> None:
    hub, git = pytest.importorskip("optunahub"), pytest.importorskip("git")
    place = tmp_path / "main" / "samplers" / "walk"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text(HUB)
    commit = ""
    if has_git:
        repository = git.Repo.init(tmp_path / "main")
        repository.index.add(["samplers/walk/__init__.py"])
        commit = f", commit {repository.index.commit('walk').hexsha}"
    load = hub.load_local_module
    monkeypatch.setattr(hub, "load_module", lambda package, ref: load(package, registry_root=str(tmp_path / ref)))
    made = make_sampler("optunahub:samplers/walk", space, {}, BOTH, 0)
    assert made.notes == (f"sampler optunahub:samplers/walk: of the ref main{commit}",)


class Broken(RandomSampler):
    """A sampler that cannot be used here."""

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        raise NotImplementedError("only floats")


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ("nope", "no sampler is called 'nope'"),
        ("optuna", "no sampler of Optuna is called ''"),
        ("optuna:GPsampler", "did you mean GPSampler"),
        ("optuna:BaseSampler", "no sampler of Optuna is called"),
        ("optuna:NSGAIIISampler:popsize=4", "NSGAIIISampler has no option 'popsize'; it has population_size"),
        ("optuna:NSGAIIISampler:population_size=word", "population_size"),
        ("known_cost:scorer=3", "known_cost has no option"),
        ("random:stratify=3", "stratify"),
        ("optunahub:samplers/nope:registry=nowhere", "optunahub:samplers/nope cannot be loaded in nowhere"),
        (Broken(), r"the sampler Broken failed \(NotImplementedError: only floats\)"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(space: SearchSpace, sampler: Any, message: str) -> None:
    with pytest.raises(MlpnasError, match=message) as raised:
        make_sampler(sampler, space, {}, BOTH, 0)
    assert "\n" not in str(raised.value)


def test_ordered_answers_are_integers_in_their_order(space: SearchSpace) -> None:
    encoding = Encoding(space.questions)
    answers = {"width": 48, "stage1.mixer": "gmlp", "stage1.mixer.gmlp.ratio": 2}
    assert encoding.params(answers) == {"width": 3, "stage1.mixer": "gmlp", "stage1.mixer.gmlp.ratio": 0}
    assert encoding.answers(encoding.params(answers)) == answers
    assert encoding.distributions["width"] == optuna.distributions.IntDistribution(0, 3)


def test_tpe_sees_categories_of_the_front_and_the_latest(space: SearchSpace, monkeypatch: Any) -> None:
    seen: dict[int, set[type]] = {}
    ask = optuna.samplers.TPESampler.sample_relative

    def look(self: Any, study: Any, trial: Any, search_space: Any) -> Any:
        trials = study.get_trials(deepcopy=False)
        seen.clear()
        seen.update({trial.number: set(map(type, trial.distributions.values())) for trial in trials})
        return ask(self, study, trial, search_space)

    monkeypatch.setattr(optuna.samplers.TPESampler, "sample_relative", look)
    study = RunStudy(make_sampler("tpe", space, {}, BOTH, 0))
    study.sampler.shown = 12
    for number in range(20):
        sample = study.ask(number).sample
        top1 = 0.9 if number == 3 else 0.1
        study.tell(Record(number, "", "", sample.answers, "done", values={**sample.costs, "top1": top1}))
    assert {3, *range(8, 20)} <= set(seen) < set(range(20))
    assert set().union(*seen.values()) == {optuna.distributions.CategoricalDistribution}
    assert isinstance(study.study.trials[3].distributions["width"], optuna.distributions.IntDistribution)


def test_a_rebuilt_study_holds_the_front_and_the_latest(space: SearchSpace, monkeypatch: Any) -> None:
    live = _search(space, "random", 30)
    history = [
        Record(
            number,
            "",
            "",
            live.sampler.encoding.answers(trial.params),
            "done",
            values={"top1": 0.9 - number / 100, "macs": 1.0},
        )
        for number, trial in enumerate(live.study.trials)
    ]
    monkeypatch.setattr(study_file, "_MOST", 10)
    rebuilt = RunStudy(make_sampler("known_cost", space, {}, BOTH, 0), history)
    assert [trial.user_attrs["trial"] for trial in rebuilt.study.trials] == [0, *range(20, 30)]
    assert "holds the front and the latest 10 of 30 trials" in rebuilt.notes[0]
    assert len(rebuilt.sampler.archive.records) == 30
