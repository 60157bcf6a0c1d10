"""The installed package is complete: every file, the shipped spaces, the version, the pins."""

import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mlpnas

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [
    Requirement(line) for line in [*PROJECT["dependencies"], *(item for extra in EXTRAS.values() for item in extra)]
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built from the checkout without a network."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def sources(folder: str) -> set[str]:
    """Return the files below a folder of the checkout, as paths in it."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def wheel_of(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_wheel_holds_the_package_and_the_spaces(built: Path) -> None:
    with ZipFile(wheel_of(built)) as wheel:
        inside = set(wheel.namelist())
    spaces = {f"mlpnas/{path}" for path in sources("search_spaces") if path.endswith(".yaml")}
    assert spaces
    assert spaces | sources("mlpnas") <= inside
    top = {path.split("/")[0] for path in inside}
    assert top == {"mlpnas", f"mlpnas-{mlpnas.__version__}.dist-info"}


def test_sdist_holds_what_the_wheel_is_built_from(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert sources("mlpnas") | sources("search_spaces") | {"pyproject.toml", "README.md", "LICENSE"} <= inside


def test_installed_package_finds_its_spaces_from_any_folder(built: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with ZipFile(wheel_of(built)) as wheel:
        wheel.extractall(site)
    code = "from mlpnas.space.load import find_file; print(find_file('quick.yaml'))"
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str(site / "mlpnas" / "search_spaces" / "quick.yaml"), done.stderr


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    assert all(len(pair) == 2 for pair in pairs), "one name==version a line"
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("requirement", [r for r in DIRECT if r.name != "mlpnas"], ids=str)
def test_constraints_pin_what_is_asked_for(requirement: Requirement) -> None:
    pinned = pins()
    name = canonicalize_name(requirement.name)
    assert name in pinned
    assert requirement.specifier.contains(pinned[name])
