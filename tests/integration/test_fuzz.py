"""A small, fixed part of benchmarks/fuzz.py: damaged inputs at every border."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
BORDERS = (
    "space",
    "space, loaded",
    "spec",
    "spec file",
    "recipe",
    "quantity",
    "manifest",
    "listing",
    "part",
    "training state",
    "weights",
    "data",
)
FEW = {"space, loaded": 12, "part": 20, "training state": 20, "weights": 20, "data": 15}


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        module = importlib.import_module("fuzz")
        assert tuple(module.borders()) == BORDERS
        return module


@pytest.mark.parametrize("name", BORDERS)
@pytest.mark.filterwarnings("ignore")
def test_damaged_inputs_are_right_or_one_sentence(name: str, fuzz: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    border, tally = fuzz.borders()[name], fuzz.Tally()
    valid = border.inputs(folder)
    for number in range(FEW.get(name, 100)):
        fuzz.enter(border, border.input(7, number, valid), folder, tally)
    troubles = {
        kind: shown for kind, shown in tally.troubles.items() if "more than 2 s" not in kind
    }  # of fast machines
    assert not troubles
    assert tally.accepted
    assert tally.accepted + tally.refused == tally.inputs
