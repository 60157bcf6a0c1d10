"""The outcome of a trial that has raised an exception: its status, whose fault it is, whether the process is lost."""

from errno import EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EROFS
from os import strerror
from pathlib import Path
from traceback import extract_tb

import torch

from mlpnas.errors import MlpnasError
from mlpnas.job import Outcome
from mlpnas.record import MACHINE
from mlpnas.training.loop import Diverged

_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
    "allocation_failed",
)
# after one of these nothing runs in the process's CUDA context any more
_LOST_CONTEXT = ("cuda error", "hip error", "cublas_status_execution_failed", "cudnn_status_execution_failed")
_OF_THE_MACHINE = (
    *_LOST_CONTEXT,
    "cublas_status",
    "cudnn",
    "cusolver",
    "nccl",
    "nvml",
    "nvidia driver",
    "cuda driver",
    "no cuda gpus",
    "not compiled with cuda",
    "no kernel image",
    "nvrtc",
    # what torch says of the system's errors; its own are no OSError
    *(strerror(number).lower() for number in (ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE)),
)
_LONGEST_ERROR = 400
_FRAMES = 3  # of a traceback, in what is told of a crash


def outcome_of(error: Exception) -> Outcome:
    """Return the outcome of a trial that has raised `error`."""
    text = str(error).lower()
    if isinstance(error, Diverged):
        return Outcome("diverged", error=_error_text(error))
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _contains(text, _OUT_OF_MEMORY)):
        return Outcome("out_of_memory", error=_error_text(error))
    is_cuda = isinstance(error, (RuntimeError, AssertionError))
    is_machine = isinstance(error, (OSError, ImportError)) or (is_cuda and _contains(text, _OF_THE_MACHINE))
    return Outcome(
        "failed",
        error=_error_text(error),
        fault=MACHINE if is_machine else "",
        ends_worker=is_cuda and torch.cuda.is_initialized() and _contains(text, _LOST_CONTEXT),
    )


def _contains(text: str, signs: tuple[str, ...]) -> bool:
    return any(sign in text for sign in signs)


def _error_text(error: Exception) -> str:
    """Return the error as one line, with the last places of its traceback if it is not one of mlpnas."""
    if isinstance(error, (MlpnasError, Diverged)):
        return str(error)[:_LONGEST_ERROR]
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"[:_LONGEST_ERROR]
    frames = extract_tb(error.__traceback__)[-_FRAMES:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
    return f"{text} ({places})" if places else text
