"""The published models: costs to the unit, printed numbers near them, and finding one by name or file."""

import csv
import json
import runpy
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlpnas.commands.published import published as command
from mlpnas.costs import cost
from mlpnas.errors import SpecError, UnknownName
from mlpnas.published import find, find_spec, names
from mlpnas.spec import ArchSpec

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

# params: the upstream models, built and counted (timm 1.0.31; svip-lab/AS-MLP). MACs: an independent closed form.
COSTS = {
    "as_mlp_t": ("AS-MLP-T", 28_282_696, 4_350_425_088),
    "as_mlp_s": ("AS-MLP-S", 49_594_696, 8_512_223_232),
    "as_mlp_b": ("AS-MLP-B", 87_752_808, 15_126_077_440),
    "mixer_s32": ("Mixer-S/32", 19_104_624, 1_002_426_368),
    "mixer_s16": ("Mixer-S/16", 18_528_264, 3_776_958_464),
    "mixer_b32": ("Mixer-B/32", 60_293_428, 3_237_722_112),
    "mixer_b16": ("Mixer-B/16", 59_880_472, 12_601_767_936),
    "mixer_l32": ("Mixer-L/32", 206_939_264, 11_253_293_056),
    "mixer_l16": ("Mixer-L/16", 208_196_168, 44_547_678_208),
    "gmlp_ti": ("gMLP-Ti", 5_867_328, 1_328_989_184),
    "gmlp_s": ("gMLP-S", 19_422_656, 4_392_060_928),
    "gmlp_b": ("gMLP-B", 73_075_392, 15_720_452_096),
    "resmlp_s12": ("ResMLP-S12", 15_350_872, 3_009_739_776),
    "resmlp_s24": ("ResMLP-S24", 30_020_680, 5_961_292_800),
    "resmlp_s36": ("ResMLP-S36", 44_690_488, 8_912_845_824),
    "vit_ti16": ("ViT-Ti/16", 5_717_416, 1_253_683_200),
    "vit_s16": ("ViT-S/16", 22_050_664, 4_598_882_304),
    "vit_b16": ("ViT-B/16", 86_567_656, 17_563_828_224),
    "vit_l16": ("ViT-L/16", 304_326_632, 61_554_712_576),
    "deit_ti": ("DeiT-Ti", 5_717_416, 1_253_683_200),
    "deit_s": ("DeiT-S", 22_050_664, 4_598_882_304),
    "deit_b": ("DeiT-B", 86_567_656, 17_563_828_224),
    "swin_t": ("Swin-T", 28_288_354, 4_490_566_656),
    "swin_s": ("Swin-S", 49_606_258, 8_740_875_264),
    "swin_b": ("Swin-B", 87_768_224, 15_430_946_816),
}


@pytest.mark.parametrize("name", names())
def test_costs_to_the_unit(name: str) -> None:
    _, params, macs = COSTS[name]
    measured = cost(find(name).spec)
    assert (measured.params, measured.macs) == (params, macs)


def test_the_table_is_the_references() -> None:
    if not REFERENCE.is_dir():
        pytest.skip("no ../shared/reference beside the repository")
    with (REFERENCE / "measured_models.csv").open(newline="") as file:
        params = {row["name"]: int(row["params"]) for row in csv.DictReader(file)}
    model = runpy.run_path(str(REFERENCE / "cost_model.py"))
    for printed, *expected in COSTS.values():
        assert [params[printed], model["cost"](model["MODELS"][printed])[1]] == expected


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


@pytest.mark.parametrize("name", names())
def test_specs_survive_json(name: str) -> None:
    spec = find(name).spec
    assert ArchSpec.loads(spec.dumps()) == spec


def test_finds_by_name_or_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(find("swin_t").spec.dumps())
    assert find_spec("swin_t") == find_spec(str(file)) == find("swin_t").spec


def test_a_wrong_name_is_told_a_near_one() -> None:
    with pytest.raises(UnknownName, match="did you mean as_mlp_t"):
        find_spec("as_mpl_t")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "not JSON"),
        (b"{}", "'stages' is missing"),
        (b'{"stages": []}', "at least one stage"),
        (b'{"stages": [{"width": 8, "depth": 1, "mixer": "token_mlp", "dept": 2}]}', "has no field 'dept'"),
        (b"\xff\xfe\x00", "not a text file"),
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
    assert (first["params"], first["macs"], first["input_size"]) == (*COSTS["gmlp_ti"][1:], 224)
    assert (first["params_m"], first["gflops"], first["gflops_convention"]) == (5.9, 2.7, "2 x MACs")
    assert ArchSpec.from_json(first["spec"]) == find("gmlp_ti").spec


def test_table_of_a_family() -> None:
    output = published("--family", "as_mlp")
    for text in ("as_mlp_b", "87.75 M", "88 M", "15.13 G", "15.2 G", "83.3%", "AS-MLP"):
        assert text in output


def test_an_unknown_family_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean swin"):
        published("--family", "swim")
