"""Resolution of the user's text for data into a source and its path."""

from itertools import islice
from pathlib import Path

from mlpnas import plugins
from mlpnas.datasets._listing import escape
from mlpnas.datasets._parts import split_in
from mlpnas.datasets._ref import DataRef
from mlpnas.datasets._walk import has_image, visible
from mlpnas.errors import DataError, did_you_mean

_LOOKED_AT = 50  # files of an unrecognised folder


def resolve(
    text: str, seed: int = 0, *, image_column: str = "", label_column: str = "", skip_bad: bool = False
) -> DataRef:
    """Return the DataRef, with an absolute path, of `mnist5k`, `cifar10:FOLDER`, a folder or a file.

    An existing path wins over a source of the same name; `digits:` is always the source.

    Raises:
        DataError: it is neither a source nor a path that a source recognises.
    """
    source, path = _split_text(text)
    ref = DataRef(source, path, seed, image_column, label_column, skip_bad)
    for option, value in (("--image-column", image_column), ("--label-column", label_column)):
        if value and not getattr(plugins.find("datasets", source), "has_columns", False):
            raise DataError(f"{option} {escape(value)}: {source} has no columns; leave it out")
    return ref


def _split_text(text: str) -> tuple[str, str]:
    """Return (source, absolute path or "")."""
    name, colon, rest = text.partition(":")
    path = _path(text)
    is_source = name in plugins.names("datasets")
    if is_source and (colon or not path.exists()):
        if plugins.find("datasets", name).needs_path and not rest:
            raise DataError(f"data set {name}: needs a path; write {name}:FOLDER")
        return name, str(_path(rest)) if rest else ""
    if not path.exists():
        near = did_you_mean(text, sources_without_path())
        raise DataError(f"{escape(text)}: no such data set or path{near}; {_possible()}")
    return _recognise(text, path, is_source), str(path)


def _recognise(text: str, path: Path, is_source: bool) -> str:
    sure = _find_sources(path)
    found = [name for name, degree in sure.items() if degree == max(sure.values())]
    if len(found) == 1:
        return found[0]
    if found:
        forms = " or ".join(f"{name}:{escape(text)}" for name in found)
        raise DataError(f"{escape(text)}: holds data in {len(found)} forms; say which: {forms}")
    if is_source:
        raise DataError(f"{text}: a folder here that holds no data set; write {text}: for the data set of that name")
    raise DataError(f"{escape(text)}: {_why_not(path)}; {_possible()}")


def _find_sources(path: Path) -> dict[str, int]:
    """Return the sources that recognise this path -> how sure they are."""
    sources = {name: plugins.find("datasets", name) for name in plugins.names("datasets")}
    found = {name: source.recognises(path) for name, source in sources.items() if hasattr(source, "recognises")}
    return {name: degree for name, degree in found.items() if degree}


def _why_not(path: Path) -> str:
    """Return why a path that no source recognises is no data set."""
    if _is_empty(path):
        return "an empty folder"
    inside = sorted(islice(visible(path), _LOOKED_AT)) if path.is_dir() else []
    inside.sort(key=lambda child: split_in(child.name) != "train")
    if readable := next((child for child in inside if _find_sources(child)), None):
        return f"holds no data set, but {escape(readable)} can be read"
    if has_image(path):
        return "has images, but neither a folder per class nor a table (labels.csv) that says their classes"
    return "holds no data set"


def _path(text: str) -> Path:
    try:
        path = Path(text).expanduser().resolve()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{escape(text)}: not a path that can be read ({escape(reason, 100)})") from None
    return path


def _is_empty(path: Path) -> bool:
    try:
        return path.is_dir() and next(path.iterdir(), None) is None
    except OSError as error:
        raise DataError(f"{escape(path)}: cannot be read ({error.strerror})") from None


def sources_without_path() -> list[str]:
    return [name for name in plugins.names("datasets") if not plugins.find("datasets", name).needs_path]


def _possible() -> str:
    return (
        f"it can be {', '.join(sources_without_path())}, a folder with one folder of images per class (in train/, or "
        "at its top), Parquet, a table of file names (.csv), .tar, .zip or .npz; see docs/data.md"
    )
