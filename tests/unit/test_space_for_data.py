"""Fields that a space leaves to the data, and inputs that are not square."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.engine.scheduling.seeds import published_seeds
from mlpnas.errors import SpaceError, SpecError
from mlpnas.nets.network import build
from mlpnas.plugins import shipped
from mlpnas.receptive_field import receptive_field
from mlpnas.space import SearchSpace
from mlpnas.space.load import find_file
from mlpnas.space.schema import schema
from mlpnas.space.show import lines
from mlpnas.spec import ArchSpec, read_size
from mlpnas.training.proxy import proxy
from mlpnas.units import show
from tests.support.manifests import manifest

OPEN = """\
version: 1
name: wide
input: {size: [192, 320]}
stem: {patch: 4}
width: 32
stages:
  count: 2
  each:
    depth: {choose: [1, 2]}
    mixer:
      choose:
        axial_shift: {}
        token_mlp: {}
        gmlp: {}
        attention: {}
        window_attention: {window: 4}
        window_mlp: {window: 4}
"""
STATED = OPEN.replace("[192, 320]}", "[192, 320], channels: 3, classes: 10}")


def test_classes_and_channels_that_are_left_out_are_the_data_s() -> None:
    space = SearchSpace(OPEN)
    assert space.left_out == ("channels", "classes")
    bound = space.for_data(channels=1, classes=4)
    sample = bound.sample(np.random.default_rng(0))
    assert (sample.spec.channels, sample.spec.classes) == (1, 4)
    assert sample.costs["params"] == cost(sample.spec).params
    assert bound.spec(sample.answers) == sample.spec
    assert bound.find(sample.spec) == sample.answers
    assert (space.spec(sample.answers).channels, space.spec(sample.answers).classes) == (3, 1000)
    assert bound.hash == space.hash


def test_stated_classes_and_channels_stay() -> None:
    space = SearchSpace(STATED)
    assert space.left_out == ()
    assert space.for_data(channels=1, classes=4) is space
    half = SearchSpace(OPEN.replace("320]}", "320], classes: 7}")).for_data(1, 4)
    spec = half.sample(np.random.default_rng(0)).spec
    assert (half.left_out, spec.channels, spec.classes) == (("channels",), 1, 7)


@pytest.mark.parametrize("name", shipped())
def test_shipped_spaces_are_for_any_data(name: str) -> None:
    assert list(yaml.safe_load(find_file(name).read_text())["input"]) == ["size"]


def test_fields_left_to_the_data_are_reported() -> None:
    space = SearchSpace.load("quick")
    said = "  channels and classes are the data's in a search; counted here: 3 channels and 1,000 classes"
    assert said in list(lines(space))
    assert not any("the data's" in line for line in lines(SearchSpace(STATED)))


@pytest.fixture(scope="module")
def backbones() -> SearchSpace:
    return SearchSpace.load("vit_vs_mixer").for_data(channels=1, classes=4)


def test_seeds_are_tried_and_costed_with_the_datas_classes(backbones: SearchSpace) -> None:
    seeds, _ = published_seeds(backbones, {}, ())
    assert len(seeds) == len(backbones.seeds)
    for seed, name in zip(seeds, backbones.seeds, strict=True):
        assert seed.spec == replace(published.find(name).spec, channels=1, classes=4)
        assert seed.answers, f"{name} lies in the space"
        assert seed.costs["params"] == cost(seed.spec).params


def test_a_seed_near_the_budget_is_costed_with_the_datas_classes(
    backbones: SearchSpace,
) -> None:
    macs = cost(replace(published.find("mixer_s16").spec, channels=1, classes=4)).macs
    _, notes = published_seeds(backbones, {"macs": (0.0, macs * 0.98)}, ())
    assert any(note.startswith(f"mixer_s16 has {show(macs, 'macs')} with 4 classes, just above") for note in notes)


def test_a_resumed_run_keeps_its_space() -> None:
    facts = {"objectives": {"top1": "maximize"}, "space_text": OPEN}
    spec = manifest("new", image={"channels": 1, "classes": 4}, **facts).search_space().tables.networks[0]
    assert spec.assembly.image == {"channels": 1, "classes": 4, "size": (192, 320)}
    assert manifest("old", **facts).search_space().tables.networks[0].assembly.image == {"size": (192, 320)}


def test_a_space_may_ask_for_the_size_and_its_sides() -> None:
    space = SearchSpace(OPEN.replace("size: [192, 320]", "size: {choose: [128, [192, 320], [64, 64]]}"))
    assert space.questions[0].labels == (128, "192x320", 64)
    sizes = {sample.spec.input_size for sample in (space.sample(np.random.default_rng(seed)) for seed in range(30))}
    assert sizes == {128, (192, 320), 64}
    assert json.loads(json.dumps(space.sample(np.random.default_rng(0)).answers))["input.size"] in (128, "192x320", 64)


@pytest.mark.parametrize("size", ["[192]", "[192, 320, 3]", "[192, 0]", "[a, b]", "192x320", "[[192], 320]", "{a: 1}"])
def test_a_size_that_is_none_is_named(size: str) -> None:
    with pytest.raises(SpaceError, match=r"input.size.*a whole number from 1 to 8192, or \[height, width\]; got"):
        SearchSpace(OPEN.replace("[192, 320]", size))


def test_the_schema_knows_sides() -> None:
    forms = schema()["properties"]["input"]["properties"]["size"]["anyOf"][0]["anyOf"]
    assert [form["type"] for form in forms] == ["integer", "array"]


@pytest.mark.parametrize("mixer", SearchSpace(OPEN).questions[1].labels)
def test_networks_for_wide_images_count_build_and_have_proxies(mixer: str) -> None:
    space = SearchSpace(OPEN).for_data(channels=1, classes=4)
    _, spec = space.walk(lambda question: mixer if "mixer" in question.path else 1)
    assert spec.image == (192, 320)
    assert [grid.shape for grid in spec.grids()] == [(48, 80), (24, 40)]
    assert ArchSpec.loads(spec.dumps()) == spec
    small = proxy(replace(spec, channels=1, classes=4), input_size=96, width_scale=0.5)
    assert small.image == (56, 96)
    network = build(small).eval()
    assert network(torch.zeros(2, 1, 56, 96)).shape == (2, 4)
    assert receptive_field(small, samples=1).shape == (56, 96)
    assert sum(parameter.numel() for parameter in network.parameters()) == cost(small).params


def test_sides_of_a_proxy_keep_their_proportion() -> None:
    _, spec = SearchSpace(OPEN).walk(lambda question: question.labels[0])
    tall = replace(spec, input_size=(320, 192))
    for longer, other in ((32, 16), (64, 40), (90, 56), (320, 192)):
        sides = proxy(replace(spec, channels=3, classes=10), input_size=longer, width_scale=1).image
        assert (sides[1] - longer < 8, sides[0]) == (True, other)
        assert proxy(replace(tall, channels=3, classes=10), input_size=longer, width_scale=1).image == sides[::-1]


def test_sizes_on_the_command_line() -> None:
    assert [read_size(text) for text in ("224", "192x320", "64x64")] == [224, (192, 320), 64]
    for text in ("", "0", "192x", "1x2x3", "-4", "9" * 40, "19²"):
        with pytest.raises(SpecError, match="write pixels like 224, or height x width like 192x320"):
            read_size(text)
