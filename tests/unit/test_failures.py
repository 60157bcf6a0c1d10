"""Errors in trials: the fault of the architecture or of the machine, and whether the process can be used again."""

import errno
import os
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlpnas.engine.backends import local as local_module
from mlpnas.engine.jobs import Placement
from mlpnas.engine.search import search
from mlpnas.errors import RunError
from mlpnas.evaluators._failures import outcome_of
from mlpnas.job import Job, Note, Outcome
from mlpnas.record import MACHINE
from mlpnas.run import Run
from mlpnas.training import repeatable as repeatable_module
from mlpnas.training.loop import Diverged
from mlpnas.training.recipe import Recipe
from mlpnas.training.repeatable import repeatable
from tests.support.drivers import new_driver
from tests.support.epochs import epoch_row
from tests.unit.test_pool import DONE, Scripted, _search

CUBLAS = "CUDA error: CUBLAS_STATUS_{} when calling `cublasCreate(handle)`"
ASSERT = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"
ILLEGAL = "CUDA error: an illegal memory access was encountered"


@pytest.mark.parametrize(
    ("error", "status", "fault"),
    [
        (RuntimeError(CUBLAS.format("ALLOC_FAILED")), "out_of_memory", ""),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out_of_memory", ""),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"), "out_of_memory", ""),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory", ""),
        (MemoryError(), "out_of_memory", ""),
        (Diverged("loss is nan in epoch 1"), "diverged", ""),
        (RuntimeError(ASSERT), "failed", MACHINE),
        (RuntimeError(ILLEGAL), "failed", MACHINE),
        (RuntimeError(CUBLAS.format("EXECUTION_FAILED")), "failed", MACHINE),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"), "failed", MACHINE),
        (RuntimeError("Found no NVIDIA driver on your system."), "failed", MACHINE),
        (RuntimeError("No CUDA GPUs are available"), "failed", MACHINE),
        (RuntimeError("unable to open shared memory object </torch_1>: Too many open files (24)"), "failed", MACHINE),
        (RuntimeError("unable to mmap 80 bytes from file </x>: No space left on device (28)"), "failed", MACHINE),
        (RuntimeError("nvrtc: error: failed to open libnvrtc-builtins.so.12.4"), "failed", MACHINE),
        (AssertionError("Torch not compiled with CUDA enabled"), "failed", MACHINE),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "failed", MACHINE),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "failed", MACHINE),
        (ImportError("libcudart.so.12: cannot open shared object file"), "failed", MACHINE),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "failed", ""),
        (IndexError("index 3 is out of range"), "failed", ""),
        (ValueError("a cuda error of its own"), "failed", ""),
    ],
)
def test_an_error_is_the_machines_fault_or_the_architectures(error: Exception, status: str, fault: str) -> None:
    outcome = outcome_of(error)
    assert (outcome.status, outcome.fault, outcome.ends_worker) == (status, fault, False)


@pytest.mark.parametrize(
    ("text", "is_lost"), [(ASSERT, True), (ILLEGAL, True), (CUBLAS.format("ALLOC_FAILED"), False), ("shapes", False)]
)
def test_a_process_whose_gpu_context_is_lost_says_so(text: str, is_lost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert outcome_of(RuntimeError(text)).ends_worker is is_lost


LOST = {"outcome": asdict(Outcome("failed", error=ILLEGAL, fault=MACHINE, ends_worker=True))}


def test_the_pool_replaces_an_unusable_worker(tmp_path: Path) -> None:
    workers = Scripted({0: [LOST]})
    killed: list[int] = []
    workers.kill = killed.append  # type: ignore[method-assign, assignment]
    run, _ = _search(tmp_path, workers, count=1)
    assert (len(killed), workers.started) == (1, 2)
    assert [record.status for record in run.records if record.origin != "duplicate"] == ["failed", *["done"] * 3]
    assert run.records[0].fault == MACHINE


def test_notes_of_workers_reach_the_user(tmp_path: Path) -> None:
    _, events = _search(tmp_path, Scripted({1: [{"note": {"text": "begins anew"}}, DONE]}))
    assert {"event": "note", "text": "trial 1: begins anew"} in events


def test_tune_does_not_reuse_an_unusable_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ray_tune = pytest.importorskip("mlpnas.engine.backends._ray_tune")
    base = ray_tune.Controller.__mro__[1]
    assert hasattr(base, "_maybe_cache_trial_actor")
    monkeypatch.setattr(base, "_maybe_cache_trial_actor", lambda self, trial: True)
    loop = object.__new__(ray_tune.Controller)

    class Trial:
        def __init__(self, result: dict[str, Any]) -> None:
            self.last_result = result

    assert not loop._maybe_cache_trial_actor(Trial(LOST))
    assert loop._maybe_cache_trial_actor(Trial(DONE))
    assert loop._maybe_cache_trial_actor(Trial({}))


def test_a_local_search_whose_gpu_is_lost_ends_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost:
        def prepare(self, job: Job) -> None: ...

        def run(self, job: Job) -> Any:
            yield Note("something to know")
            yield Outcome(**LOST["outcome"])

    monkeypatch.setattr(local_module, "evaluator_of", lambda job: Lost())
    driver, events = new_driver(tmp_path)
    with pytest.raises(RunError, match=r"trial 0 left this process's GPU unusable .*--resume --run"):
        local_module.Local(Placement()).run(driver)
    assert {"event": "note", "text": "trial 0: something to know"} in events
    assert [record.fault for record in Run(tmp_path).records] == [MACHINE]


def _settings() -> tuple[Any, ...]:
    return (
        torch.get_num_threads(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )


def _random_numbers() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]


@pytest.fixture
def callers_own(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set what the caller may have set, other than torch and mlpnas would."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    torch.set_num_threads(2)
    torch.manual_seed(4711)
    yield
    torch.set_num_threads(threads)


def test_a_local_search_keeps_its_callers_settings_and_rng(tmp_path: Path, callers_own: None) -> None:
    before, drawn = _settings(), _random_numbers()
    seen: list[tuple[Any, ...]] = []
    recipe = Recipe(epochs=1, samples=100, warmup_epochs=0)
    asked: dict[str, Any] = {"data": "digits", "backend": "local", "recipe": recipe, "trials": 2}
    search("quick", "500kMACs", run=tmp_path / "run", listener=lambda event: seen.append(_settings()), **asked)
    assert (_settings(), _random_numbers()) == (before, drawn)
    assert set(seen) == {before}, "also while it runs"


def test_deterministic_algorithms_are_set_on_a_gpu_and_restored(
    monkeypatch: pytest.MonkeyPatch, callers_own: None
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before, seen = _settings(), []

    def steps() -> Any:
        for _ in range(2):
            seen.append(_settings())
            yield epoch_row(0, 1)
        raise ArithmeticError

    between = []
    taken = repeatable(steps(), 1, "cuda")
    for _ in range(2):
        next(taken)
        between.append(_settings())
    with pytest.raises(ArithmeticError):
        next(taken)
    assert seen == [(1, True, False, True, True, False, ":4096:8")] * 2
    assert between == [before] * 2
    assert _settings() == before


def test_deterministic_algorithms_are_not_set_on_the_cores(callers_own: None) -> None:
    seen: list[Any] = []

    def steps() -> Any:
        seen.append(_settings())
        yield None

    list(repeatable(steps(), 1, "cpu"))
    assert seen[0][:4] == (1, True, False, False)
    assert repeatable_module.torch is torch
