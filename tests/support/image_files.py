"""Small image data sets on disk, for tests: one colour per class, so that labels can be read off the pixels."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


def image(label: int, size: tuple[int, int] = (12, 12), mode: str = "RGB", seed: int = 0) -> Image.Image:
    """(width, height) pixels around the colour of its class."""
    noise = np.random.default_rng([label, seed]).integers(0, 20, (size[1], size[0], 3))
    return Image.fromarray((np.array(COLOURS[label]) + noise).astype(np.uint8)).convert(mode)


def encoded(label: int, kind: str = "png", **options: Any) -> bytes:
    out = io.BytesIO()
    image(label, **options).save(out, kind)
    return out.getvalue()


def write_parquet(
    path: Path,
    labels: Sequence[Any],
    images: Sequence[bytes | None] | None = None,
    *,
    as_struct: bool = True,
    metadata: dict[str, str] | None = None,
) -> Path:
    """One row per label; images as published data sets have them, or as plain bytes."""
    data = images or [encoded(label, seed=row) for row, label in enumerate(labels)]
    rows = [{"bytes": item, "path": f"{row}.png"} for row, item in enumerate(data)] if as_struct else list(data)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if as_struct else pa.binary()
    table = pa.table({"image": pa.array(rows, kind), "label": pa.array(labels)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def write_folder(
    root: Path, per_class: int = 6, classes: Sequence[str] = ("cat", "dog", "owl"), **options: Any
) -> Path:
    """CLASS/NUMBER.png under `root`."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            image(label, seed=number, **options).save(root / name / f"{number}.png")
    return root
