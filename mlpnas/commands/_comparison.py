"""Published models counted three times: by us, by the upstream implementation, and as their papers print it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from mlpnas.costs import Cost, cost
from mlpnas.nets.deploy import deploy_spec
from mlpnas.nets.plan import Resolution, resolution
from mlpnas.published import Form, Measured, Published, find_measured
from mlpnas.spec import ArchSpec


@dataclass(frozen=True)
class Row:
    """One published model in one form; `upstream` is None if its implementation was not measured."""

    model: Published
    form: Form
    spec: ArchSpec
    ours: Cost
    upstream: Measured | None

    @property
    def resolution(self) -> Resolution:
        return resolution(self.spec)

    @property
    def equal(self) -> bool:
        """Return whether our counts and upstream's are the same, to the unit."""
        return self.upstream is None or (self.ours.params, self.ours.macs) == (
            self.upstream.params,
            self.upstream.macs,
        )

    @property
    def flops_per_mac(self) -> int:
        """The number of printed FLOPs for one multiply-accumulate."""
        return 2 if self.model.gflops_convention == "2 x MACs" else 1

    @property
    def printed_params(self) -> float | None:
        """The printed parameters in millions; RepMLPNet prints those of the form in training."""
        return self.model.params_m if self.form == "train" else None

    @property
    def printed_gmacs(self) -> float | None:
        return None if self.model.gflops is None else self.model.gflops / self.flops_per_mac

    @property
    def as_printed(self) -> bool | None:
        """Return whether our counts round to all that is printed; None if nothing is printed."""
        pairs = (
            (self.printed_params, self.ours.params / 1e6),
            (self.model.gflops, self.ours.macs * self.flops_per_mac / 1e9),
        )
        known = [rounds_to(printed, value) for printed, value in pairs if printed is not None]
        return all(known) if known else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self.model) | {
            "spec": self.spec.to_json(),
            "form": self.form,
            "params": self.ours.params,
            "macs": self.ours.macs,
            "measured_params": self.upstream and self.upstream.params,
            "measured_macs": self.upstream and self.upstream.macs,
            "input_size": self.spec.input_size,
            "resolution": self.resolution,
        }


def rounds_to(printed: float, value: float) -> bool:
    """Return whether `value` rounds to `printed`, to as many digits as are printed: none for 28, one for 15.2."""
    exponent = Decimal(repr(printed)).as_tuple().exponent
    return abs(value - printed) <= 0.5 * 10 ** int(exponent) + 1e-9


def rows(models: Sequence[Published]) -> list[Row]:
    """Return a row for every model, and one for its deployed form if that is another network."""
    return [row for model in models for row in _rows(model)]


def _rows(model: Published) -> Iterator[Row]:
    yield Row(model, "train", model.spec, cost(model.spec), find_measured(model.name))
    if (spec := deploy_spec(model.spec)) != model.spec:
        yield Row(model, "deploy", spec, cost(spec), find_measured(model.name, "deploy"))
