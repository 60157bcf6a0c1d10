"""Choice of the columns of a table that hold images and labels."""

from collections.abc import Sequence

from mlpnas.datasets._listing import escape
from mlpnas.errors import DataError

IMAGES = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
FILES = ("file_name", "filename", "file", "image_path", "filepath", "path", "image", "img", "image_id", "id", "name")
LABELS = ("label", "labels", "class", "target", "category", "fine_label", "cls", "class_name", "class_label", "y")
SPLITS = ("split", "set", "subset", "partition", "data set", "dataset", "phase", "usage")

_WANTED = {
    "image": "; images are encoded files, as binary, or as a struct with 'bytes', or names of files",
    "label": "; labels are integers or words, one a row",
}


def choose(
    asked: str, possible: Sequence[str], usual: Sequence[str], names: Sequence[str], what: str, file: str
) -> str:
    """Return the column of images or labels: the one asked for, else the first usual name, else the only possible one.

    Raises:
        DataError: there is none, or several; lists them.
    """
    has = ", ".join(escape(name, 40) for name in names[:20])
    if asked:
        if asked in possible:
            return asked
        why = f"cannot hold {what}s" if asked in names else "is not there"
        raise DataError(f"--{what}-column {escape(asked, 40)}: {why} in {escape(file)} (it has {has})")
    named = {name.lower() for name in possible} & {*usual}
    if misfits := [name for name in names if name.lower() in usual and name not in possible and not named]:
        raise DataError(f"{escape(file)}: column {escape(misfits[0], 40)!r} cannot hold {what}s{_WANTED[what]}")
    if not possible:
        raise DataError(f"{escape(file)}: no column holds {what}s (it has {has}){_WANTED[what]}")
    lowered = {name.lower(): name for name in reversed(possible)}
    found = next((lowered[name] for name in usual if name in lowered), possible[0] if len(possible) == 1 else None)
    if found is None:
        first, *others = (escape(name, 40) for name in possible[:20])
        asks = f"which column holds the {what}s? --{what}-column {first}, or one of {', '.join(others)}"
        raise DataError(f"{escape(file)}: {asks}")
    return found
