"""Files that people write: numbers are numbers, words are words, and what cannot be read is one sentence."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.documents import parse_json, parse_yaml, read_text
from mlpnas.errors import TextError

MEANS = {
    "1e-3": 0.001,
    "1E5": 100_000.0,
    "+12e03": 12_000.0,
    ".5": 0.5,
    "-.5e-3": -0.0005,
    "12.": 12.0,
    "010": 10,
    "0o17": 15,
    "0x1F": 31,
    "-7": -7,
    "1:20": "1:20",
    "1_000": "1_000",
    "2001-01-01": "2001-01-01",
    "no": "no",
    "on": "on",
    "Yes": "Yes",
    "true": True,
    "FALSE": False,
    "~": None,
    "NULL": None,
    "'1'": "1",
    '"true"': "true",
    "0." + "3" * 60: 1 / 3,
}


@pytest.mark.parametrize("text", MEANS)
def test_values_mean_what_yaml_1_2_says(text: str) -> None:
    value = parse_yaml(f"a: {text}\n").plain()["a"]
    assert (value, type(value)) == (MEANS[text], type(MEANS[text]))


REFUSED = {
    "a: !!bool x": "tags like",
    "a: !!python/object/apply:os.system [ls]": "tags like",
    "a: !!binary aGk=": "tags like",
    "a: !!timestamp 2001-01-01": "tags like",
    "a: ! 3": "tags like",
    "a: .inf": "write a finite one",
    "a: -.INF": "write a finite one",
    "a: .nan": "write a finite one",
    "a: 1e999": "too large",
    "a: " + "9" * 5000: "too large",
    "a: 0x" + "f" * 5000: "too large",
    "<<: {a: 1}": "merge keys (<<) are no part of YAML 1.2; write the fields out",
    "a: &x [*x]": "an alias that contains itself",
    "a: *x": "undefined alias",
    "a: 1\na: 2": "line 2: a: stands here twice",
    "? [a]\n: 3": "a key must be a plain word",
    "a: 1\n---\nb: 2": "another document",
    "a: b: c": "not valid YAML",
    "\x00": "#x0000",
    "a: \ud800": "#xd800",
    "[" * 20_000: "levels deep",
    "- " * 20_000: "levels deep",
    "a: [" + "1, " * 50_000 + "1]": "more than 10000 values",
    "a: '" + "x" * 600_000 + "'": "more than 500,000 characters",
    "a: " + "x" * 5000 + ": b": "not valid YAML",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_what_cannot_be_read_is_one_short_sentence(text: str) -> None:
    with pytest.raises(TextError) as caught:
        parse_yaml(text)
    assert REFUSED[text] in str(caught.value)
    assert len(str(caught.value)) < 300


def test_exploding_aliases_are_counted_before_they_are_followed() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(TextError, match="aliases unfold to more than 10000 values"):
        parse_yaml("\n".join(lines))


def test_every_value_keeps_its_line() -> None:
    item = parse_yaml("a: 1\nb:\n  - x\n  - {c: 3,\n     d: 4}\n")
    assert item.value["a"].line == 1
    assert [each.line for each in item.value["b"].value] == [3, 4]
    assert item.value["b"].value[1].value["d"].line == 5


JSON_REFUSED = {
    '{"a": NaN}': "NaN is no number",
    '{"a": -Infinity}': "write a finite one",
    '{"a": 1e999}': "too large",
    '{"a": ' + "9" * 5000 + "}": "too large",
    '{"a": 1, "a": 2}': "'a' stands twice",
    "[" * 100_000: "too deep",
    '{"a": 1,}': "line 1",
    "": "line 1",
}


@pytest.mark.parametrize("text", JSON_REFUSED, ids=lambda text: text[:20])
def test_json_is_read_as_json(text: str) -> None:
    with pytest.raises(TextError) as caught:
        parse_json(text)
    assert JSON_REFUSED[text] in str(caught.value)
    assert len(str(caught.value)) < 300


finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | finite | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_json_writes_is_read_back(data: Any) -> None:
    assert parse_json(json.dumps(data)) == data


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
simple = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | printable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
    max_leaves=20,
)


@given(simple, st.sampled_from([None, 2]))
def test_json_is_yaml(data: Any, indent: int | None) -> None:
    text = json.dumps(data, indent=indent).replace("\n  ", "\n\t")
    assert parse_yaml(text).plain() == data


@given(st.text(max_size=60) | st.lists(st.sampled_from("abc01.:-?&*!|>%@`'\"#,[]{}~<=\n\t "), max_size=60).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_yaml, parse_json):
        with suppress(TextError):
            parse(text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**28), 10**28))
def test_numbers_are_read_exactly(number: float) -> None:
    for text in (repr(number), repr(number).upper()):
        assert parse_yaml(text).plain() == number
        assert parse_json(text) == number


@given(st.text(st.sampled_from("0123456789.eE+-xo_:nfiaNull~treFs"), min_size=1, max_size=8))
def test_scalars_are_those_of_the_core_schema_or_text(text: str) -> None:
    """Against PyYAML's YAML 1.1, where both have the same notation."""
    try:
        value = parse_yaml(f"[{text}]").plain()[0]
    except TextError:
        return
    if isinstance(value, float):
        assert value == float(text)
        assert math.isfinite(value)
    elif isinstance(value, bool) or value is None:
        assert yaml.safe_load(text) is value
    elif isinstance(value, int):
        assert value == int(text, 0 if text[:2] in ("0x", "0o") else 10)


def test_files_are_text_of_some_size(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_text(file) == "a: 1\nb: 2\n"
    for content, says in [(b"\xff\xfea\0", "is not UTF-8 text"), (b"x" * 600_000, "is larger than 500 kB")]:
        file.write_bytes(content)
        with pytest.raises(TextError, match=says):
            read_text(file)
    for path in (tmp_path / "none.yaml", tmp_path, Path("a\0b"), Path("x" * 300)):
        with pytest.raises(TextError):
            read_text(path)
