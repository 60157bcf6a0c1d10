"""Text in a run that comes from anybody: no spreadsheet computes it, no terminal obeys it, no page renders it."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlpnas.exporters._card import card
from mlpnas.exporters._pick import model_of
from mlpnas.report import page
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support import fake_runs
from tests.support.manifests import with_fields
from tests.support.part_files import SPEC

Call = Callable[..., tuple[int, str, str]]
FORMULA = "=cmd|' /C calc'!A0"
HTML = "<img src=x onerror=alert(1)> ![x](http://x) & <script>"
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"


def run_of(folder: Path, **changes: object) -> Run:
    return fake_runs.write(folder, [replace(fake_runs.record(0, SPEC, 0.9), **changes)])  # type: ignore[arg-type]


def rewritten(run: Run, **columns: str) -> Run:
    """Return a run whose only part may come from anybody."""
    (path,) = (run.path / "trials").iterdir()
    pq.write_table(pa.Table.from_pylist([{**row, **columns} for row in pq.read_table(path).to_pylist()]), path)
    return Run(run.path)


def test_csv_has_no_formulas(tmp_path: Path, mlpnas: Call) -> None:
    run = rewritten(run_of(tmp_path), key=FORMULA)
    code, out, _ = mlpnas("front", str(run.path), "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (code, row["key"], row["top1"]) == (0, f"'{FORMULA}", "0.9")
    assert json.loads(mlpnas("front", str(run.path), "--format", "json")[1])[0]["key"] == FORMULA


def test_terminals_obey_no_name(tmp_path: Path, mlpnas: Call) -> None:
    spec = ArchSpec((Stage(16, 1, Layer.of("token_mlp", ratio=ESCAPE)),), Stem(7), 28, 1, 10)
    facts = {**fake_runs.QUICK.found.data, "name": ESCAPE}
    manifest = with_fields(fake_runs.QUICK, name=ESCAPE, space=ESCAPE, created=ESCAPE, data_facts=facts)
    failed = replace(fake_runs.record(1, SPEC, None, "failed"), error=ESCAPE)
    run = fake_runs.write(
        tmp_path / "quick", [replace(fake_runs.record(0, SPEC, 0.9), spec=spec.dumps()), failed], manifest
    )
    (run.path / "trials" / "part-\x1b[2J.parquet").write_bytes(b"")
    for command in (["runs", str(tmp_path)], ["front", str(run.path)], ["front", str(run.path), "--format", "csv"]):
        code, out, err = mlpnas(*command)
        assert code == 0
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*out, *err} or "csv" in command
    code, _, err = mlpnas("front", str(tmp_path / ESCAPE))
    assert (code, "\x1b" in err) == (2, False)


def test_a_model_card_holds_no_markup_of_others(tmp_path: Path) -> None:
    texts = dict.fromkeys(("name", "command", "space", "space_hash"), HTML)
    facts = {"name": HTML, "fingerprint": HTML, "classes": [HTML]}
    manifest = with_fields(fake_runs.QUICK, **texts, data_facts=facts, versions={HTML: HTML})  # type: ignore[arg-type]
    record = replace(fake_runs.record(0, SPEC, 0.9), recipe=HTML)
    run = fake_runs.write(tmp_path, [record], manifest)
    whole = card(run, record, SPEC, True, "<script>", {}) + model_of(run, record).card
    assert "<" not in whole
    assert "](" not in whole.replace("\\](", "")
    assert "&lt;script&gt;" in whole


def test_the_report_writes_every_text(tmp_path: Path) -> None:
    """Also half a character, which no file can hold."""
    spec = SPEC.dumps().replace("token_linear", "\\ud800<b>")
    html = page(run_of(tmp_path, spec=spec, error=HTML))
    assert html.encode()
    assert "<img src=x" not in html
