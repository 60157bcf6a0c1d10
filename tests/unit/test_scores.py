"""Zero-cost scores: what each is on small networks, and what all of them keep."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.datasets import load, resolve
from mlpnas.errors import UnknownName
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Job, Outcome
from mlpnas.mixers.attention import attend
from mlpnas.nets.network import Network, build
from mlpnas.nets.norms import NORMS
from mlpnas.objectives import Candidate, is_score, measure, scores
from mlpnas.objectives._scores import Instead, Score
from mlpnas.objectives.naswot import Naswot
from mlpnas.objectives.snip import Snip
from mlpnas.objectives.synflow import LINEAR, Synflow
from mlpnas.objectives.zen import Zen
from mlpnas.plugins import find
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training.recipe import Recipe
from mlpnas.training.task import fit_to_data

SPEC = ArchSpec((Stage(16, 2, Layer("token_mlp")),), Stem(4), 16, classes=10)
DATA = load(resolve("digits"))
CANDIDATE = Candidate(SPEC, task=Classify(), recipe=Recipe(), data=DATA)
ALL = scores()
LAYERS = {
    "attention": Layer.of("attention", head_dim=8),
    "axial_shift": Layer.of("axial_shift", shift_size=3),
    "gmlp": Layer("gmlp"),
    "token_linear": Layer("token_linear"),
    "window_attention": Layer.of("window_attention", window=2, head_dim=8),
}


def _score(name: str, network: nn.Module, images: Tensor, labels: Tensor | None = None) -> float:
    labels = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
    return find("objectives", name)().score(network, images, lambda: F.cross_entropy(network(images), labels)).item()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("mixer", "norm"), [*((mixer, "layer") for mixer in LAYERS), *(("gmlp", norm) for norm in NORMS if norm != "layer")]
)
def test_finite_for_every_mixer_and_norm(name: str, mixer: str, norm: str) -> None:
    stages = (Stage(16, 1, LAYERS[mixer], 2, Layer(norm)), Stage(32, 2, LAYERS[mixer], 2, Layer(norm), 1e-2))
    spec = ArchSpec(stages, Stem(2), 16, norm=Layer(norm))
    assert math.isfinite(measure([name], replace(CANDIDATE, spec=spec))[name])


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_score_and_nothing_is_left_changed(name: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = measure([name], CANDIDATE)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    torch.rand(7)
    assert measure([name], CANDIDATE) == first
    assert measure([name], replace(CANDIDATE, seed=1)) != first or name == "synflow"


def test_of_the_network_that_would_be_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ArchSpec] = []

    def built(spec: ArchSpec) -> Network:
        seen.append(spec)
        return build(spec)

    monkeypatch.setattr("mlpnas.objectives._scores.build", built)
    measure(["snip"], replace(CANDIDATE, recipe=Recipe(input_size=8)))
    assert [(spec.channels, spec.input_size, spec.stages[0].width) for spec in seen] == [(1, 8, 16)]


def test_the_weights_are_those_that_training_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def look(self: Score, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        seen.append(network.head.classifier.weight.detach().clone())
        return torch.tensor(0.0)

    monkeypatch.setattr(Snip, "score", look)
    measure(["snip"], replace(CANDIDATE, seed=3))
    torch.manual_seed(3)
    proxy = Recipe().network(fit_to_data(SPEC, Classify(), DATA))
    assert torch.equal(seen[0], build(proxy).head.classifier.weight)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Snip, "score", lambda *_: torch.tensor(value))
    assert math.isnan(Snip().measure(CANDIDATE))
    assert measure(["macs", "snip"], CANDIDATE).keys() == {"macs"}


def test_an_operation_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Tensor:
        raise RuntimeError("not implemented for 'Half'")

    monkeypatch.setattr(Snip, "score", fail)
    assert measure(["snip"], CANDIDATE) == {}


def test_a_job_measures_them_beside_its_objectives() -> None:
    recipe = Recipe(epochs=1, warmup_epochs=0, samples=64)
    job = Job(0, SPEC.dumps(), recipe.to_json(), resolve("digits").to_json(), objectives=("top1", "snip"), seed=2)
    *_, outcome = ProxyTraining().run(job)
    assert isinstance(outcome, Outcome)
    assert outcome.status == "done"
    assert outcome.values["snip"] == measure(["snip"], replace(CANDIDATE, recipe=recipe, seed=2))["snip"]


def test_a_network_without_activations_has_no_codes() -> None:
    linear = replace(SPEC, stages=(Stage(16, 1, Layer("token_linear"), 0),))
    assert measure(["naswot"], replace(CANDIDATE, spec=linear)) == {}


def test_needs_recipe_and_data() -> None:
    with pytest.raises(ValueError, match="recipe and data"):
        Snip().measure(Candidate(SPEC))


def test_snip_and_gradient_norm_by_hand() -> None:
    network, images, labels = nn.Linear(3, 2, bias=True), torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
    F.cross_entropy(network(images), labels).backward()
    gradient = network.weight.grad
    assert gradient is not None
    assert _score("snip", network, images, labels) == pytest.approx(
        (network.weight * gradient).abs().sum().log().item()
    )
    assert _score("grad_norm", network, images, labels) == pytest.approx(gradient.norm().log().item())


def test_synflow_is_the_sum_over_paths() -> None:
    network = nn.Sequential(nn.Linear(3, 4, bias=False), nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        network[2].weight.copy_(torch.tensor([1.0, -2.0, 3.0, 4.0]))
    first, norm, last = (network[i].weight.detach().abs() for i in (0, 2, 3))
    paths = (last * norm) @ first
    wanted = math.log(2 * float(paths.sum()))  # every path counts once for each of its two matrices
    assert _score("synflow", network, torch.zeros(1, 3)) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("channels_first", [nn.GroupNorm(1, 4), nn.BatchNorm2d(4)], ids=["group", "batch"])
def test_synflow_keeps_the_weight_of_channel_norms(channels_first: nn.Module) -> None:
    with torch.no_grad():
        channels_first.weight.fill_(-3.0)  # type: ignore[operator, union-attr]
    network = nn.Sequential(nn.Conv2d(2, 4, 1, bias=False), channels_first)
    wanted = math.log(3 * 25 * float(network[0].weight.detach().abs().sum()))
    assert _score("synflow", network, torch.zeros(1, 2, 5, 5)) == pytest.approx(wanted, rel=1e-5)


def test_synflow_sees_attention_as_a_mean() -> None:
    query, key, value = (torch.randn(1, 2, 5, 3, requires_grad=True) for _ in range(3))
    with Instead(LINEAR):
        plain = attend(query, key, value)
        fused = F.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(plain, fused)
    torch.testing.assert_close(plain, value.mean(-2, keepdim=True).expand_as(plain))


def test_synflow_of_a_deep_network_is_finite() -> None:
    deep = ArchSpec((Stage(128, 40, Layer.of("axial_shift", shift_size=3)),), Stem(4), 16)
    assert math.isfinite(measure(["synflow"], replace(CANDIDATE, spec=deep))["synflow"])


@pytest.mark.parametrize("activation", [F.gelu, F.silu, F.relu, nn.GELU(), torch.relu])
def test_naswot_reads_signs_before_activations(activation: object) -> None:
    class Codes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return activation(x)  # type: ignore[operator]

    images = torch.tensor([[1.0, -1.0, 2.0], [1.0, 1.0, 3.0], [-1.0, -2.0, -0.1]])
    kernel = torch.tensor([[3.0, 2.0, 1.0], [2.0, 3.0, 0.0], [1.0, 0.0, 3.0]])
    assert _score("naswot", Codes(), images) == pytest.approx(float(kernel.logdet()), rel=1e-5)


def test_naswot_sees_an_activation_once() -> None:
    network, count = nn.Sequential(nn.ReLU(inplace=True), nn.GELU()), []
    with Instead({"relu": lambda f, x, **k: count.append("relu") or f(x, **k), "gelu": lambda f, x, **k: f(x, **k)}):  # type: ignore[func-returns-value]
        network(torch.randn(2, 3))
    assert count == ["relu"]


@pytest.mark.parametrize("norm", ["layer", "group", "batch"])
def test_zen_does_not_see_the_scale_that_norms_hide(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compensation makes a factor on a norm's input count as it would without the norm."""
    spec = ArchSpec((Stage(16, 2, Layer("token_mlp"), 2, Layer(norm)),), Stem(4), 16)
    initialise = nn.init.normal_
    plain = measure(["zen"], replace(CANDIDATE, spec=spec))["zen"]
    monkeypatch.setattr(nn.init, "normal_", lambda weight: initialise(weight, std=10))
    scaled = measure(["zen"], replace(CANDIDATE, spec=spec))["zen"]
    matrices = 1 + 2 * 4  # stem, then two of the token MLP and two of the channel MLP in each block
    assert scaled - plain == pytest.approx(matrices * math.log(10), rel=0.01)


def test_zen_grows_with_depth_and_width() -> None:
    small, deep, wide = (
        measure(["zen"], replace(CANDIDATE, spec=replace(SPEC, stages=(Stage(width, depth, Layer("token_mlp")),))))
        for width, depth in ((16, 1), (16, 4), (64, 1))
    )
    assert small["zen"] < wide["zen"]
    assert small["zen"] < deep["zen"]


def test_scores_by_name() -> None:
    assert scores("all") == ALL == ("grad_norm", "naswot", "snip", "synflow", "zen")
    assert scores("snip, zen,snip") == ("snip", "zen")
    assert scores("") == ()
    assert is_score("zen")
    assert not is_score("macs")
    with pytest.raises(UnknownName, match="no score is called 'top1'"):
        scores("snip,top1")


@pytest.mark.parametrize("score", [Naswot, Zen, Synflow])
def test_classes_are_found_by_their_files(score: type[Score]) -> None:
    assert find("objectives", score.__name__.lower()) is score
