"""The keys of architectures, against those of earlier versions: runs and published names refer to them."""

import json
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from mlpnas import published
from mlpnas.errors import ShapeError
from mlpnas.plugins import shipped
from mlpnas.space.space import SearchSpace

EARLIER = json.loads((Path(__file__).parents[1] / "data" / "keys.json").read_text())
COUNT = 250  # architectures of each shipped space


def keys_of(name: str) -> list[str]:
    """Return the keys of architectures that random answers lead to."""
    space, rng, found = SearchSpace.load(name), Random(0), list[str]()
    while len(found) < COUNT:
        try:
            found.append(space.walk(lambda question: rng.choice(question.labels))[1].key)
        except ShapeError:
            continue
    return found


def digest(keys: list[str]) -> str:
    return sha256("\n".join(sorted(keys)).encode()).hexdigest()


@pytest.mark.parametrize("name", EARLIER["spaces"])
def test_keys_of_shipped_spaces_stay(name: str) -> None:
    assert digest(keys_of(name)) == EARLIER["spaces"][name]


def test_every_shipped_space_has_its_keys_kept() -> None:
    assert set(EARLIER["spaces"]) == set(shipped())


def test_keys_of_published_models_stay() -> None:
    assert {name: published.find(name).spec.key for name in EARLIER["published"]} == EARLIER["published"]
