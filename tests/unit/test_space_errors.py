"""Every mistake in a space file is named with its line, its place and the remedy, all of them at once."""

import pytest

from mlpnas.errors import SpaceError
from mlpnas.space import SearchSpace

GOOD = """\
version: 1
name: tiny
input: {size: 28, channels: 1, classes: 10}
stem: {patch: 4}
width: 16
stages:
  count: 2
  each:
    downsample: none
    depth: {choose: [1, 2]}
    mixer: {choose: {gmlp: {ratio: {choose: [2, 4]}}, token_linear: {}}}
constraints: [{max: params, value: 1M}]
seeds: [as_mlp_t]
"""

# what is replaced, by what, the line that is named, and words of the message
WRONG = [
    ("version: 1", "version: 2", 1, "version: must be 1"),
    ("version: 1\n", "", 1, "version: is missing; write version: 1"),
    ("name: tiny", "name: [tiny]", 2, "expected a word"),
    ("stem: {patch: 4}", "stem: {pacth: 4}", 4, "stem.pacth: no such field - did you mean patch?"),
    ("stem: {patch: 4}", "stem: {patch: 0}", 4, "stem.patch: expected a whole number from 1 to 8192; got 0"),
    ("stem: {patch: 4}", "stem: 4", 4, "stem: expected a mapping with patch, norm"),
    ("width: 16", "width: [16, 32]", 5, "write {choose: [...]}"),
    ("width: 16", "width: {choose: 16}", 5, "choose needs a list, got 16"),
    ("width: 16", "width: {choose: []}", 5, "choose needs a list"),
    ("width: 16", "width: {choose: [16, 16]}", 5, "16 is offered twice"),
    ("width: 16", "width: wide", 5, "expected a whole number from 1 to 65536; got 'wide'"),
    ("width: 16", "widht: 16", 5, "no such field - did you mean width?"),
    ("width: 16\n", "", 1, "width: is missing"),
    ("count: 2", "count: 0", 7, "stages.count: expected a whole number from 1 to 16"),
    ("depth: {choose: [1, 2]}", "depth: [1, 2, 3]", 10, "2 expected, 3 given"),
    ("depth: {choose: [1, 2]}", "depth: {choose: [1, 2], or: 3}", 10, "choose stands alone"),
    ("depth: {choose: [1, 2]}", "depth: 1\n    width: 8", 1, "stands on the network's level and in stages"),
    ("gmlp: {ratio", "gmlpp: {ratio", 11, "no mixer is called 'gmlpp' - did you mean gmlp?"),
    ("gmlp: {ratio", "gmlp: {ratoi", 11, "gmlp has no such option - did you mean ratio?"),
    ("{choose: [2, 4]}", "{choose: [two]}", 11, "expected a number from 0 to 1000; got 'two'"),
    ("token_linear: {}", "token_linear: {ratio: 2}", 11, "it has none"),
    ("token_linear: {}", "token_linear: 3", 11, "expected its options as a mapping"),
    ("downsample: none", "downsample: merge", 1, "no architecture can be built"),
    ("[{max: params, value: 1M}]", "{max: params}", 12, "expected a list like"),
    ("{max: params, value: 1M}", "{max: params}", 12, "write {max: params, value: 100M}"),
    ("max: params", "max: speed", 12, "expected one of macs, params"),
    ("value: 1M", "value: lots", 12, "write a count like 100M"),
    ("[as_mlp_t]", "[as_mlp]", 13, "no published model is called 'as_mlp'"),
    ("width: 16", "width: 16\nwidth: 32", 6, "stands here twice"),
    ("width: 16", "width: {choose: [16, 2.5]}", 5, "got 2.5"),
    (
        "width: 16",
        "width: !!python/object:os.system 16",
        5,
        "are not read; write the value alone",
    ),
    ("width: 16", "width: &w [*w]", 5, "an alias that contains itself"),
    ("width: 16", "width: {", 7, "not valid YAML"),
    ("name: tiny", "name: tiny\nresolution: fixed", 3, "resolution: expected one of free; got 'fixed'"),
    ("version: 1", "version: true", 1, "version: must be 1, got True"),
    ("value: 1M", "value: 0", 12, "above zero"),
    ("value: 1M", "value: 1e308T", 12, "too large"),
    ("value: 1M", "value: 1e19", 12, "too large"),
    ("width: 16", "width: 16\nposition_embedding: no", 6, "expected one of true, false; got 'no'; write false"),
    ("width: 16", "width: '16'", 5, "got '16'; write it without quotes"),
    ("width: 16", "<<: {width: 16}", 5, "merge keys"),
    ("depth: {choose: [1, 2]}", "depth: [[1, 2], [3, 4]]", 10, "got [1, 2]"),
    ("{choose: [2, 4]}", "{choose: [2, 0.01]}", 11, "0.01 fits no architecture of this space"),
]


def test_the_good_one_is_good() -> None:
    assert SearchSpace(GOOD).tables.count() == 36


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG)
def test_a_mistake_is_named(old: str, new: str, line: int, message: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(SpaceError) as caught:
        SearchSpace(text, "tiny.yaml")
    found = {problem.line: problem for problem in caught.value.problems}
    assert line in found, str(caught.value)
    assert message in str(caught.value)


def test_all_mistakes_come_at_once() -> None:
    text = GOOD.replace("width: 16", "widht: 16").replace("gmlp:", "gmlpp:").replace("value: 1M", "value: lots")
    with pytest.raises(SpaceError) as caught:
        SearchSpace(text)
    assert len(caught.value.problems) == 4  # the width is missing, too


def test_a_free_resolution_refuses_mixers_of_a_fixed_grid() -> None:
    text = GOOD.replace("version: 1", "version: 1\nresolution: free").replace("width: 16", "widht: 16")
    with pytest.raises(SpaceError) as caught:
        SearchSpace(text)
    said = {problem.text.partition(" belong")[0] for problem in caught.value.problems if "one grid" in problem.text}
    assert said == {"the weights of gmlp", "the weights of token_linear"}
    assert all(problem.line == 12 for problem in caught.value.problems if "one grid" in problem.text)
    assert "take one of attention, axial_shift" in str(caught.value)
    assert "did you mean width?" in str(caught.value)


def test_a_free_resolution_keeps_free_mixers() -> None:
    text = GOOD.replace("version: 1", "version: 1\nresolution: free")
    text = text.replace(
        "gmlp: {ratio: {choose: [2, 4]}}, token_linear: {}", "attention: {head_dim: 8}, diagonal_shift: {shift_size: 3}"
    )
    assert SearchSpace(text).tables.count() == 16


@pytest.mark.parametrize("text", ["", "- 1\n", "3\n", "a: b: c\n", "\x00", "{" * 50])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        SearchSpace(text)


def test_aliases_cannot_unfold_without_end() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(SpaceError, match="aliases unfold"):
        SearchSpace("\n".join(lines))


@pytest.mark.parametrize("name", ["width", "depth", "mixer"])
def test_every_alternative_of_a_variant_brings_what_one_brings(name: str) -> None:
    fields = {"width": "16", "depth": "1", "mixer": "gmlp"}
    beside = "".join(f"    {field}: {value}\n" for field, value in fields.items() if field != name)
    variant = f"    variant: {{choose: {{a: {{{name}: {fields[name]}}}, b: {{}}}}}}\n"
    text = f"version: 1\nname: x\nstages:\n  each:\n{beside}{variant}"
    with pytest.raises(SpaceError, match=f"line 7: stage1.variant: b brings no {name}, and others do; give it in each"):
        SearchSpace(text)


def test_a_space_has_stages() -> None:
    with pytest.raises(SpaceError, match="stages: 0 stages are listed; write 1 to 16"):
        SearchSpace("version: 1\nname: x\nwidth: 8\ndepth: 1\nmixer: gmlp\nstages: []\n")


def test_a_missing_file_lists_the_shipped_ones() -> None:
    with pytest.raises(SpaceError, match="asmlp, isotropic, quick"):
        SearchSpace.load("nowhere.yaml")


def test_the_home_of_nobody_holds_no_space() -> None:
    with pytest.raises(SpaceError, match="no such user"):
        SearchSpace.load("~nosuch/x.yaml")
