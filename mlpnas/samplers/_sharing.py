"""A run as a study of Optuna: for its plots and importances, its dashboard, and other storages."""

import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from mlpnas.errors import MissingPackage, MlpnasError, RunError
from mlpnas.plain_text import shortened
from mlpnas.run import Run
from mlpnas.samplers._base import ArchitectureSampler
from mlpnas.samplers._make import make_sampler
from mlpnas.samplers._study import RunStudy
from mlpnas.samplers.random import Random
from mlpnas.space.space import SearchSpace


def study(run: Run | str | Path) -> optuna.Study:
    """Return a run as a study of Optuna, in memory: `optuna.visualization` and `optuna.importance` take it.

    Example:
        >>> importances = optuna.importance.get_param_importances(mlpnas.study("quick-1"))       # doctest: +SKIP

    Raises:
        RunError: no such run.
    """
    run = run if isinstance(run, Run) else Run(run)
    manifest = run.manifest
    space = manifest.search_space(f"{run.place}/space.yaml")
    rebuilt = RunStudy(_sampler_of(run, space), run.history, run.path.name)
    _name_values(rebuilt.study, [*manifest.decided.objectives])
    return rebuilt.study


def _name_values(study: optuna.Study, names: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(names)


def _sampler_of(run: Run, space: SearchSpace) -> ArchitectureSampler:
    """Return the sampler of a run; a random one, where it needs a package or an object that is not here."""
    asked, objectives = run.manifest.asked, run.manifest.decided.objectives
    window = space.window(asked.budget, asked.fill)
    try:
        return make_sampler(asked.sampler, space, window, objectives, asked.seed)
    except MlpnasError:
        return Random(space, window, objectives, asked.seed)


def copy_study(run: Run | str | Path, to: str) -> int:
    """Copy a run's study into a storage of Optuna; return the number of its trials.

    Args:
        to: the URL of a database, sqlite:///study.db; or a file, for Optuna's journal.

    Raises:
        RunError: no such run, a study of that name is there already, or the storage cannot be written.
    """
    found = study(run)
    try:
        storage = _storage(to)
        copied = optuna.create_study(
            storage=storage,
            study_name=found.study_name,
            directions=found.directions,
        )
        _name_values(copied, found.metric_names or [])
        copied.add_trials(found.get_trials(deepcopy=False))
    except DuplicatedStudyError:
        raise RunError(f"--to {to}: holds a study {found.study_name} already; name another place") from None
    except Exception as error:  # whatever a database or its driver raises
        reason = shortened(str(error).splitlines()[0] if str(error) else "")
        raise RunError(f"--to {to}: cannot be written ({type(error).__name__}: {reason})") from error
    return len(found.trials)


def _storage(to: str) -> BaseStorage:
    return RDBStorage(to) if "://" in to else JournalStorage(JournalFileBackend(to))


def serve(run: Run | str | Path, port: int) -> None:
    """Serve a run's study by optuna-dashboard to this machine alone, until the process is interrupted.

    Raises:
        RunError: no such run, or the port is taken. MissingPackage: optuna-dashboard is not installed.
    """
    try:
        from optuna_dashboard import run_server
    except ImportError:
        raise MissingPackage("optuna-dashboard", "dashboard", "mlpnas dashboard") from None
    storage: Any = study(run)._storage
    try:
        run_server(storage, host="127.0.0.1", port=port)
    except OSError as error:
        raise RunError(f"--port {port}: cannot be used ({error.strerror}); take another one") from None
