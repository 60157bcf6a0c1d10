"""Text of others is shown, never obeyed; credentials are not shown at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.errors import RunError
from mlpnas.plain_text import masked, quoted, shortened, spreadsheet_cell, visible


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("caf\u00e9 \u65e5\u672c \u2713", "caf\u00e9 \u65e5\u672c \u2713"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\u202eb", r"a\u202eb"),
        ("a\nb\rc", r"a\nb\rc"),
        ("caf\udce9", r"caf\udce9"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_escape_sequences_are_shown_instead_of_obeyed(text: str, wanted: str) -> None:
    assert visible(text) == wanted


@given(st.text())
def test_what_is_visible_can_be_printed_anywhere(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)
    assert len(shortened(text)) <= 200


_nested: list[object] = []
_nested.append(_nested)
_dozens: object = 1
for _ in range(40):
    _dozens = [_dozens] * 12


UNWIELDY = {
    "long": "x" * 10_000,
    "nul": "\0" * 500,
    "digits": 10**5000,
    "negative": -(7**9000),
    "endless": _nested,
    "aliases": _dozens,
    "many": {number: number for number in range(999)},
    "bytes": b"\0" * 999,
}


@pytest.mark.parametrize("name", UNWIELDY)
def test_a_message_quotes_at_most_200_characters_of_anything(name: str) -> None:
    value = UNWIELDY[name]
    assert 0 < len(quoted(value)) <= 200
    assert quoted(value).isprintable()
    assert len(shortened(value)) <= 200


def test_short_text_is_quoted_unchanged() -> None:
    assert [quoted(v) for v in ("a", 3, 0.5, None, [1, "b"], {"c": True})] == [
        "'a'",
        "3",
        "0.5",
        "None",
        "[1, 'b']",
        "{'c': True}",
    ]


def test_lines_of_a_message_stay_lines() -> None:
    assert visible("a\n\x1b[2J", keep="\n") == "a\n\\x1b[2J"


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("s3://KEY:SECRET@bucket/run", "s3://***@bucket/run"),
        ("s3://KEY:SE/CR+ET=@bucket/run", "s3://***@bucket/run"),
        ("S3://KEY:12/SECRET@bucket/run", "S3://***@bucket/run"),
        ("s3://b/run?secret_key=SECRET&region=eu", "s3://b/run?secret_key=***&region=eu"),
        (
            "s3://b/run?endpoint_override=localhost:9000&scheme=http",
            "s3://b/run?endpoint_override=localhost:9000&scheme=http",
        ),
        ("https://h/x.tar?X-Amz-Signature=SECRET", "https://h/x.tar?X-Amz-Signature=***"),
        ("abfs://:SECRET@account.blob.core.windows.net/c", "abfs://***@account.blob.core.windows.net/c"),
        ("abfs://container@account.dfs.core.windows.net/c", "abfs://container@account.dfs.core.windows.net/c"),
        ("hdfs://node:8020/user/a@b", "hdfs://node:8020/user/a@b"),
        ("file:///home/x/run", "file:///home/x/run"),
        ("mlpnas search --run 's3://K:SECRET@b/run' --seed 1", "mlpnas search --run 's3://***@b/run' --seed 1"),
        ("runs/quick: KEY:VALUE@x", "runs/quick: KEY:VALUE@x"),
    ],
)
def test_credentials_in_a_uri_are_masked(uri: str, wanted: str) -> None:
    assert masked(uri) == wanted
    assert masked(wanted) == wanted


def test_no_message_of_ours_shows_credentials_or_obeys_a_name() -> None:
    assert str(RunError("s3://K:SECRET@b/run: no run\x1b[2J")) == "s3://***@b/run: no run\\x1b[2J"


@pytest.mark.parametrize(
    "text", ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1"]
)
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "quick", "a=1", '{"a": 1}', "'=1"])
def test_a_spreadsheet_shows_plain_text_as_it_is(text: str) -> None:
    assert spreadsheet_cell(text) == text
