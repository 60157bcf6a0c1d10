"""The metrics of an evaluation, against scikit-learn, and their storage."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from mlpnas.store import Store
from mlpnas.tasks.classify import Classify
from mlpnas.training.loop import evaluate
from tests.support.epochs import epoch_row


def _evaluated(logits: torch.Tensor, labels: torch.Tensor) -> Mapping[str, float]:
    """Return what an evaluation in batches of seven finds, of a network that says the logits that it is given."""
    return evaluate(torch.nn.Identity(), Classify(), zip(logits.split(7), labels.split(7), strict=True), "fp32")


@given(st.integers(2, 12), st.integers(1, 40), st.integers(0, 2**20))
@pytest.mark.filterwarnings("ignore::UserWarning")  # of classes that are not there
def test_metrics_are_scikit_learn_s(classes: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(count, classes)), rng.integers(classes, size=count)
    found = _evaluated(torch.from_numpy(logits), torch.from_numpy(labels))
    first = logits.argmax(1)
    assert found["top1"] == pytest.approx((first == labels).mean())
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, first))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, first, average="macro"))
    k = min(5, classes)
    top = 1.0 if k == classes else top_k_accuracy_score(labels, logits, k=k, labels=np.arange(classes))
    assert found["top5"] == pytest.approx(top)


def test_guessing_the_frequent_class_is_seen_through() -> None:
    labels = torch.tensor([0] * 297 + [1] * 3)
    always = torch.tensor([[1.0, 0.0]]).repeat(300, 1)
    found = _evaluated(always, labels)
    assert found["top1"] == 0.99
    assert found["balanced_accuracy"] == 0.5
    assert found["macro_f1"] < 0.5


def test_curves_keep_every_metric(tmp_path: Path) -> None:
    row = epoch_row(0, 1, top5=0.9, macro_f1=0.4)
    older = epoch_row(1, 1)
    store = Store(tmp_path)
    for curve in (row, older):
        store.append_curve([curve])
    assert store.curves() == {0: [row], 1: [older]}


def test_curves_of_an_earlier_version_go_on_in_new_parts(tmp_path: Path) -> None:
    folder = tmp_path / "epochs"
    folder.mkdir()
    row = {"trial": 0, "epoch": 1, "train_loss": 1.0, "val_loss": 2.0, "top1": 0.3, "seconds": 0.1, "top5": 0.9}
    pq.write_table(pa.Table.from_pylist([row | {"learning_rate": 1e-3}]), folder / "part-000000-000000.parquet")
    store = Store(tmp_path)
    store.append_curve([epoch_row(0, 2, mask_ap=0.25)])
    expected = {0: [epoch_row(0, 1, val_loss=2.0, top1=0.3, top5=0.9), epoch_row(0, 2, mask_ap=0.25)]}
    assert store.curves() == expected
    store.epochs.compact()
    assert Store(tmp_path).curves() == expected
