"""Print how mlpnas reads every form of data.

    python benchmarks/data_forms.py [--data ../shared/data] [PART OF A NAME ...]

It builds each form from real images (CIFAR-10 as JPEG) in a temporary folder, and prints the survey or the refusal.
"""

import argparse
import os
import tempfile
from pathlib import Path

import forms_archives  # noqa: F401  # they register their forms
import forms_folders  # noqa: F401
import forms_images  # noqa: F401
import forms_tables  # noqa: F401
import pyarrow.parquet as pq
from forms import FORMS, Sample, ask

SHARED = Path(__file__).parents[2] / "shared" / "data"


def cifar(folder: Path, per_class: int = 12) -> list[Sample]:
    """Return JPEG images of cats, dogs and birds (as owls)."""
    table = pq.ParquetFile(folder / "cifar10" / "test.parquet").read().slice(0, 2000)
    rows = zip(table.column("label").to_pylist(), table.column("image").to_pylist(), strict=True)
    samples: list[Sample] = []
    for label, image in rows:
        if label in (3, 5, 2):
            mine = (3, 5, 2).index(label)
            number = sum(sample.label == mine for sample in samples)
            samples += [Sample(mine, number, image["bytes"])] * (number < per_class)
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("forms", nargs="*", help="parts of names; all forms if none is given")
    options = parser.parse_args()
    samples = cifar(options.data)
    read = 0
    wanted = {name: build for name, build in FORMS.items() if all(part in name for part in options.forms)}
    with tempfile.TemporaryDirectory() as top:
        os.environ["MLPNAS_CACHE"] = f"{top}/cache"
        for number, (name, build) in enumerate(wanted.items()):
            folder = Path(top) / f"{number}" / "data"
            folder.mkdir(parents=True)
            data, text = ask(build, folder, samples)
            read += data is not None
            print(f"{'read   ' if data else 'refused'}  {name}")
            print("".join(f"             {line}\n" for line in text.replace(f"{folder.parent}/", "").splitlines()))
    print(f"{len(wanted)} forms: {read} read, {len(wanted) - read} refused")


if __name__ == "__main__":
    main()
