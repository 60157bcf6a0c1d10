"""A name with options reads the same as a text, as JSON and as YAML; what is none is one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.documents import parse_yaml
from mlpnas.errors import SpecError
from mlpnas.named import Named

SAME = [
    ("random", "random"),
    ("random:stratify=true", "{random: {stratify: true}}"),
    ("standard:epochs=30,ema_decay=0.999", "{standard: {epochs: 30, ema_decay: 0.999}}"),
    ("standard: epochs=30, learning_rate=1e-3", "{standard: {epochs: 30, learning_rate: 0.001}}"),
    ("optuna:NSGAIIISampler:population_size=40", "{optuna: {'': NSGAIIISampler, population_size: 40}}"),
    ("optunahub:samplers/moead,ref=0f3", "{optunahub: {'': samplers/moead, ref: 0f3}}"),
    ("full:clip_norm=null", "{full: {clip_norm: null}}"),
]


@pytest.mark.parametrize(("text", "yaml"), SAME)
def test_a_text_and_a_mapping_mean_the_same(text: str, yaml: str) -> None:
    assert Named.parse(text) == Named.from_json(parse_yaml(yaml).plain())
    assert (
        Named.read(text) == Named.read(parse_yaml(yaml).plain()) == Named.read(Named.parse(text)) == Named.parse(text)
    )


@pytest.mark.parametrize(
    "text", ["", ":", "random:", "random:,", "random:a=", "random:=1", "random:a=1,a=2", "random:x,y", "random:a=[1]"]
)
def test_a_text_that_is_no_name_with_options_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="write a name, or name:option=value"):
        Named.parse(text)


@given(
    st.text(max_size=5) | st.sampled_from(["", ":", "a:b", "a:b=1"]), st.dictionaries(st.text(max_size=3), st.none())
)
def test_json_comes_back_by_either_reader(name: str, options: dict[str, None]) -> None:
    written = Named.of(name, **options).to_json()
    assert Named.from_json(written) == Named.of(name, **options)
    assert not isinstance(written, str) or Named.parse(written) == Named(name)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = Named.parse(text)
    except SpecError:
        return
    assert Named.from_json(found.to_json()) == found
