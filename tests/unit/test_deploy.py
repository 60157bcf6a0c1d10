"""Re-parameterisation: the deployed form computes what the trained one does in eval mode."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import mlpnas
from mlpnas.costs import cost
from mlpnas.errors import ShapeError
from mlpnas.exporters import export, fresh
from mlpnas.mixers.rep_mlp import RepMlp
from mlpnas.nets.deploy import deploy, deploy_spec
from mlpnas.nets.network import build
from mlpnas.objectives import Candidate, measure
from mlpnas.plugins import find, names, options
from mlpnas.published import find as find_published
from mlpnas.published import find_measured
from mlpnas.published.repmlpnet import MODELS
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem
from tests.support import fake_runs

NORM = Layer("batch")
SPEC = ArchSpec(
    (
        Stage(16, 2, Layer.of("rep_mlp", partition=3, share_sets=4), norm=NORM, channel_mlp=Layer("batch_norm_mlp")),
        Stage(24, 1, Layer("rep_mlp"), norm=Layer("group"), downsample=Layer("conv")),
        Stage(24, 1, Layer("token_mlp"), downsample=Layer("none")),
    ),
    Stem(4, NORM, bias=False, activation="relu"),
    24,
    channels=1,
    classes=10,
    norm=NORM,
)


def trained(module: nn.Module, seed: int = 0) -> nn.Module:
    """Return a network as after training: all parameters and batch-norm statistics far from their initial values."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            value.copy_(0.2 + noise.abs())
        elif value.is_floating_point():
            value.add_(noise * (value[0].numel() ** -0.5 if value.ndim > 1 else 0.3))
    return module.eval()


def images(spec: ArchSpec, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, spec.channels, *spec.image, generator=generator).to(dtype)


def assert_same(found: Tensor, wanted: Tensor) -> None:
    assert wanted.std() > 0
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@settings(max_examples=40)
@given(
    share_sets=st.sampled_from([1, 2, 3, 8]),
    groups=st.integers(1, 3),
    partition=st.sampled_from([1, 2, 3, 5]),
    tiles=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_rep_mlp_folds_into_its_matrices(
    share_sets: int, groups: int, partition: int, tiles: tuple[int, int], seed: int
) -> None:
    dim, grid = share_sets * groups, Grid(partition * tiles[0], partition * tiles[1])
    mixer = trained(RepMlp(dim, grid, partition=partition, share_sets=share_sets).double(), seed)
    x = torch.randn(2, *grid.shape, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        assert_same(deploy(mixer)(x), mixer(x))


def test_a_partition_that_covers_one_side_folds_too() -> None:
    mixer = trained(RepMlp(8, Grid(14, 5), share_sets=2).double())
    assert mixer.partition == (7, 5)
    x = torch.randn(2, 14, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        assert_same(deploy(mixer)(x), mixer(x))


@pytest.mark.parametrize("name", [name for name in names("mixers") if hasattr(find("mixers", name), "reparameterised")])
def test_the_deployed_mixer_is_the_one_built_with_that_option(name: str) -> None:
    mixer, option = find("mixers", name), find("mixers", name).reparameterised
    assert options(mixer, skip=2)[option].annotation is bool
    one, other = mixer(32, Grid(14, 14)).deployed(), mixer(32, Grid(14, 14), **{option: True})
    assert {key: value.shape for key, value in one.state_dict().items()} == {
        key: value.shape for key, value in other.state_dict().items()
    }
    assert one.deployed() is one


def test_a_network_computes_the_same_and_is_built_from_its_spec() -> None:
    network = trained(build(SPEC).double())
    folded = deploy(network)
    assert not any(module.training for module in folded.modules())
    with torch.no_grad():
        assert_same(folded(images(SPEC)), network(images(SPEC)))
    assert folded.spec == deploy_spec(SPEC) != SPEC
    again = build(folded.spec).double().eval()
    again.load_state_dict(folded.state_dict())
    with torch.no_grad():
        assert torch.equal(again(images(SPEC)), folded(images(SPEC)))


def test_the_trained_network_stays_as_it_was() -> None:
    network = trained(build(SPEC)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for value in deploy(network).state_dict().values():
            value.fill_(0)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(module.training for module in network.modules())
    assert network.spec == SPEC


def test_deployed_is_the_end() -> None:
    folded = deploy(trained(build(SPEC)))
    again = deploy(folded)
    assert again.spec == folded.spec == deploy_spec(deploy_spec(SPEC))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in folded.state_dict().items())


def test_networks_that_hold_nothing_to_fold_keep_their_spec() -> None:
    spec = replace(SPEC, stages=SPEC.stages[2:])
    assert deploy_spec(spec) == deploy(build(spec)).spec == spec


def test_a_network_inside_another_module_folds() -> None:
    whole = nn.Sequential(trained(build(SPEC).double()), nn.Softmax(-1))
    folded = deploy(whole)
    with torch.no_grad():
        assert_same(folded(images(SPEC)), whole(images(SPEC)))
    assert folded[0].spec == deploy_spec(SPEC)


@pytest.mark.parametrize("name", [model.name for model in MODELS])
def test_costs_of_the_deployed_form_are_upstream_s(name: str) -> None:
    found, upstream = cost(deploy_spec(find_published(name).spec)), find_measured(name, "deploy")
    assert upstream is not None
    assert (found.params, found.macs) == (upstream.params, upstream.macs)


@pytest.mark.parametrize(
    ("dim", "grid", "given", "said"),
    [
        (32, Grid(14, 14), {"partition": 4}, "partition 4 does not divide the grid 14x14; .* fit: 1, 2, 7, 14$"),
        (32, Grid(14, 14), {"partition": 0}, "partition 0 does not divide"),
        (
            12,
            Grid(7, 7),
            {"share_sets": 5},
            "share_sets 5 does not divide width 12; numbers that do: 1, 2, 3, 4, 6, 12",
        ),
        (12, Grid(7, 7), {"share_sets": 0}, "share_sets 0 does not divide"),
    ],
)
def test_a_misfit_is_refused_with_the_sizes_that_fit(dim: int, grid: Grid, given: dict[str, int], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        RepMlp(dim, grid, **given)


# Latency


def test_latency_is_that_of_the_exported_form(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[nn.Module] = []

    def kept(spec: ArchSpec) -> nn.Module:
        timed.append(build(spec))
        return timed[-1]

    monkeypatch.setattr("mlpnas.objectives._timing.build", kept)
    measure(["latency"], Candidate(SPEC))
    (network,) = timed
    exported = deploy(build(SPEC)).state_dict()
    assert {name: value.shape for name, value in network.state_dict().items()} == {
        name: value.shape for name, value in exported.items()
    }
    assert not any(module.training for module in network.modules())


# Exports


def run_of(folder: Path, kept: bool) -> mlpnas.Run:
    """Return a run of one trial in its training form, with or without its weights."""
    run = fake_runs.write(folder, [fake_runs.record(0, SPEC, 0.9, weights="weights/0.safetensors")])
    if kept:
        (folder / "weights").mkdir()
        weights = trained(fresh(SPEC, seed=7)).state_dict()
        save_file(weights, folder / "weights" / "0.safetensors", {"spec": SPEC.dumps()})
    return run


def test_export_writes_the_deployed_form(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", kept=True)
    model, _ = export(run, tmp_path / "out")
    assert model.origin == "trained in the search, then folded by mlpnas.deploy"
    card = (tmp_path / "out" / "README.md").read_text()
    assert model.origin in card
    assert "deployed=true" in card
    assert ArchSpec.loads((tmp_path / "out" / "spec.json").read_text()) == deploy_spec(SPEC)
    network, batch = trained(fresh(SPEC, seed=7)), images(SPEC, torch.float32)
    loaded = mlpnas.load(tmp_path / "out")
    with torch.no_grad():
        torch.testing.assert_close(loaded(batch), network(batch), rtol=1e-4, atol=1e-4)
        assert torch.equal(loaded(batch), deploy(network)(batch))
    assert load_file(run.path / "weights" / "0.safetensors").keys() == network.state_dict().keys()


def test_fresh_weights_leave_in_the_form_that_is_trained(tmp_path: Path) -> None:
    model, _ = export(run_of(tmp_path / "run", kept=False), tmp_path / "out")
    assert model.spec == SPEC
    assert not model.is_trained
    assert model.origin.endswith("in the form that is trained, which mlpnas.deploy folds afterwards")
