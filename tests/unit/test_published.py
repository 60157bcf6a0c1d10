"""The published models: costs to the unit, printed numbers near them, and finding one by name or file."""

import csv
import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from mlpnas.commands._comparison import Row, rounds_to, rows
from mlpnas.commands._published_document import document
from mlpnas.commands.published import _cells
from mlpnas.commands.published import published as command
from mlpnas.costs import cost
from mlpnas.errors import SpecError, UnknownName
from mlpnas.nets.network import build
from mlpnas.nets.plan import resolution
from mlpnas.published import Measured, find, find_measured, find_spec, names
from mlpnas.spec import ArchSpec

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
MEASURED = ROOT / "mlpnas" / "published" / "measured.csv"

# what the reference calls otherwise; all else is the same name but for case and punctuation
ALIASES = {"resmlp_b24": "ResMLP-B24/16", "vit_s16_gap": "ViT-S/16 GAP (no CLS)"}
ONLY_HERE = {"poolformer_s36", "poolformer_m36", "poolformer_m48"}
ROWS = rows([find(name) for name in names()])


def of_row(row: Row) -> str:
    return f"{row.model.name}-{row.form}"


@pytest.mark.parametrize("row", ROWS, ids=of_row)
def test_costs_equal_upstreams_to_the_unit(row: Row) -> None:
    assert row.upstream is not None, "no row in mlpnas/published/measured.csv"
    assert (row.ours.params, row.ours.macs) == (row.upstream.params, row.upstream.macs)


def test_every_measured_model_is_published() -> None:
    with MEASURED.open(newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} <= set(names())


def test_an_unknown_model_or_form_was_not_measured() -> None:
    assert find_measured("as_mpl_t") is None
    assert find_measured("as_mlp_t", "deploy") is None


def test_the_measured_ones_are_the_references() -> None:
    if not REFERENCE.is_dir():
        pytest.skip("no ../shared/reference beside the repository")
    with (REFERENCE / "measured_models.csv").open(newline="") as file:
        reference = {plain_name(row["name"]): row for row in csv.DictReader(file)}
    model = runpy.run_path(str(REFERENCE / "cost_model.py"))
    points = {plain_name(name): point for name, point in model["MODELS"].items()}
    with MEASURED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] not in ONLY_HERE]
    for row in rows:
        name = plain_name(ALIASES.get(row["name"], row["name"]))
        known = reference[name + row["form"] if "repmlp" in name else name]
        assert int(row["params"]) == int(known["params"])
        assert int(row["macs"]) == pytest.approx(float(known["macs_g"]) * 1e9, abs=5e4 + 1)
        if name in points:
            assert int(row["macs"]) == model["cost"](points[name], row["form"])[1]


def plain_name(name: str) -> str:
    """AS-MLP-T and as_mlp_t -> asmlpt."""
    return "".join(filter(str.isalnum, name.lower()))


@pytest.mark.parametrize("row", ROWS, ids=of_row)
def test_what_differs_from_print_is_explained(row: Row) -> None:
    """Beyond the rounding of the printed digits."""
    assert row.as_printed is not False or row.model.notes
    assert row.flops_per_mac == 1 or "2 x MACs" in row.model.notes


@pytest.mark.parametrize(
    ("printed", "value", "same"),
    [(28, 28.283, True), (28, 28.6, False), (15.2, 15.126, False), (3.0, 3.0097, True), (3.0, 3.06, False)],
)
def test_rounding_knows_the_printed_digits(printed: float, value: float, same: bool) -> None:
    assert rounds_to(printed, value) is same


@pytest.mark.parametrize("name", names())
def test_printed_numbers_are_near_the_measured_ones(name: str) -> None:
    """Printed ones are rounded or truncated, count norms or leave out the classifier: all within 3 %, or a digit."""
    model, measured = find(name), cost(find(name).spec)
    if model.params_m is not None:
        digit = 1 if float(model.params_m).is_integer() else 0.1
        headless = 1e-6 * 1000 * model.spec.stages[-1].width if "classifier" in model.notes else 0
        assert model.params_m == pytest.approx(measured.params / 1e6 - headless, abs=digit, rel=0.006)
    if model.gflops is not None:
        flops = {"MACs": 1, "2 x MACs": 2}[model.gflops_convention] * measured.macs
        assert model.gflops == pytest.approx(flops / 1e9, rel=0.02)
    assert model.top1 is None or 0.5 < model.top1 < 1
    assert model.source or model.notes


def of_resolution(*wanted: str) -> list[str]:
    return [name for name in names() if resolution(find(name).spec) in wanted]


@pytest.mark.parametrize("name", of_resolution("free", "interpolated"))
def test_weights_fit_another_size_but_for_the_position_table(name: str) -> None:
    """Twice the size keeps every window and partition as it is."""
    spec = shallow(find(name).spec)
    twice = spec.at(2 * spec.image[0])
    assert cost(twice).macs > 3.5 * cost(spec).macs
    assert differing(shapes(spec), shapes(twice)) == ({"stem.positions"} if spec.position_embedding else set())


@pytest.mark.parametrize("name", of_resolution("fixed"))
def test_a_fixed_resolution_makes_another_network(name: str) -> None:
    """ViP's shapes stay, but its matrices then mix other segments of other rows."""
    spec = shallow(find(name).spec)
    assert bool(differing(shapes(spec), shapes(spec.at(2 * spec.image[0])))) is (find(name).family != "vip")


def shallow(spec: ArchSpec) -> ArchSpec:
    """Return a spec with at most two blocks per stage."""
    return replace(spec, stages=tuple(replace(stage, depth=min(stage.depth, 2)) for stage in spec.stages))


Shapes = dict[str, tuple[int, ...]]


def shapes(spec: ArchSpec) -> Shapes:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in build(spec).state_dict().items()}


def differing(one: Shapes, other: Shapes) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


@pytest.mark.parametrize("name", names())
def test_specs_survive_json(name: str) -> None:
    spec = find(name).spec
    assert ArchSpec.loads(spec.dumps()) == spec


def test_finds_by_name_or_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(find("swin_t").spec.dumps())
    assert find_spec("swin_t") == find_spec(str(file)) == find("swin_t").spec


def test_a_wrong_name_gets_a_near_one() -> None:
    with pytest.raises(UnknownName, match="did you mean as_mlp_t"):
        find_spec("as_mpl_t")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "not JSON"),
        (b"{}", "'stages' is missing"),
        (b'{"stages": []}', "at least one stage"),
        (b'{"stages": [{"width": 8, "depth": 1, "mixer": "token_mlp", "dept": 2}]}', "has no field 'dept'"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
    ],
)
def test_a_bad_file_is_named_with_its_mistake(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "mine.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError, match=f"mine.json: .*{says}"):
        find_spec(str(file))


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="published name or the path"):
        find_spec(str(tmp_path))


def published(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_list_of_a_family() -> None:
    rows = json.loads(published("--family", "gmlp", "--json"))
    assert [row["name"] for row in rows] == ["gmlp_ti", "gmlp_s", "gmlp_b"]
    first = rows[0]
    assert (first["params"], first["macs"], first["input_size"]) == (5_867_328, 1_328_989_184, 224)
    assert (first["measured_params"], first["measured_macs"]) == (5_867_328, 1_328_989_184)
    assert (first["params_m"], first["gflops"], first["gflops_convention"]) == (5.9, 2.7, "2 x MACs")
    assert (first["form"], first["resolution"]) == ("train", "fixed")
    assert ArchSpec.from_json(first["spec"]) == find("gmlp_ti").spec


def test_table_of_a_family() -> None:
    lines = published("--family", "as_mlp").splitlines()
    assert " ".join(lines[1].split()) == "as_mlp_t 224 free 28.28 28.28 28 4.35 4.35 4.4 81.3% ="
    assert " ".join(lines[3].split()) == "as_mlp_b 224 free 87.75 87.75 88 15.13 15.13 15.2 83.3% 1"
    assert lines[5].startswith("1: 15.13 GMACs as counted here")


def test_table_halves_what_is_printed_as_2_x_macs() -> None:
    assert " 1.33    1.33   1.35 " in published("--family", "gmlp")


def test_sources_are_printed_below_on_demand() -> None:
    assert "svip-lab/AS-MLP" not in published("--family", "as_mlp")
    assert "as_mlp_t: svip-lab/AS-MLP, README.md; theirs: svip-lab/AS-MLP @ " in published(
        "--family", "as_mlp", "--sources"
    )


def test_the_table_is_readable_in_100_columns() -> None:
    assert max(map(len, published("--sources").splitlines())) <= 100


def test_a_difference_from_upstream_is_marked() -> None:
    row = replace(ROWS[0], upstream=Measured("a port", ROWS[0].ours.params, ROWS[0].ours.macs + 1))
    assert not row.equal
    assert "4.35!" in _cells(row, [row.model.notes])
    assert "4,350,425,089 **!**" in document([row])


def test_the_document_is_current() -> None:
    made = "run `mlpnas published --markdown > docs/published.md`"
    assert (ROOT / "docs" / "published.md").read_text(encoding="utf-8") == document(ROWS), made


def test_an_unknown_family_gets_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean swin"):
        published("--family", "swim")
