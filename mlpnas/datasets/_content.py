"""The usable images of a listing, with labels 0, 1, 2, ... without gaps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from mlpnas.datasets._listing import NO_LABEL, Encoded, Labels, Listing, Part, escape
from mlpnas.datasets._scan import Scan, images_of, scan
from mlpnas.errors import DataError

FINGERPRINT = "2:"  # prefix of comparable fingerprints; older ones hashed decoded pixels
_MOST_NAMED = 20
_MOST_CLASSES = 10

Named = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Content:
    """The usable images of a listing.

    Attributes:
        numbers: their numbers in the listing. labels: int64, each an index into `classes`.
        parts: number of images in "train" and, if they exist, "val" and "test", in this order.
        fingerprint: hash of the encoded images, labels, parts and class names.
        notes: lines for people about what was left out. skipped: (file, reason).
    """

    listing: Listing
    scan: Scan
    numbers: Labels
    labels: Labels
    classes: tuple[str, ...]
    parts: Mapping[str, int]
    fingerprint: str
    notes: tuple[str, ...]
    skipped: tuple[Named, ...]

    def images(self) -> Iterator[tuple[int, Encoded]]:
        """Yield the usable images with their numbers in the listing."""
        wanted, end = iter(self.numbers.tolist()), -1
        next_wanted = next(wanted, end)
        for number, (image, _) in enumerate(images_of(self.listing.parts.values())):
            if number == next_wanted:
                yield number, image
                next_wanted = next(wanted, end)


def content_of(listing: Listing, name: str, about: str, skip_bad: bool) -> Content:
    """Check a listing, scan its images and return the usable ones.

    Args:
        name: the data in messages. about: anything else that the listing depends on, for the cache.
        skip_bad: leave unusable images out instead of refusing.

    Raises:
        DataError: images cannot be used, lists them; or there are too few classes.
    """
    listing, notes = _with_labels(listing, name)
    labels = np.concatenate([part.labels for part in listing.parts.values()])
    owner = np.repeat(np.arange(len(listing.parts)), [len(part.labels) for part in listing.parts.values()])
    scanned = scan(listing, about, is_deep=skip_bad)
    bad = dict.fromkeys(np.flatnonzero(labels == NO_LABEL).tolist(), "has no label") | scanned.bad
    train = [number for number in np.flatnonzero(owner == 0).tolist() if number not in bad]
    present = np.unique(labels[train])
    classes = tuple(escape(listing.classes[label]) for label in present)
    strange = np.flatnonzero((owner > 0) & ~np.isin(labels, present)).tolist()
    has = ", ".join(classes[:_MOST_CLASSES])
    for number in strange:
        bad.setdefault(number, f"train has no class {escape(listing.classes[labels[number]])!r} (it has {has})")
    skipped = _name_images(listing, bad)
    if bad and not skip_bad:
        raise complaint(name, skipped, len(labels))
    if len(present) < 2:
        only = f"only one class ({classes[0]})" if classes else "no train images"
        raise DataError(f"{name}: {only}; a classifier needs at least two")
    used = set(present.tolist())
    if unused := [escape(name) for label, name in enumerate(listing.classes) if name and label not in used]:
        notes.append(f"classes that no train image has are left out: {_first(unused)}; {len(present)} remain")
    good = np.delete(np.arange(len(labels)), list(bad))
    kept = np.searchsorted(present, labels[good])
    counts = np.bincount(owner[good], minlength=len(listing.parts)).tolist()
    parts = {part: count for part, count in zip(listing.parts, counts, strict=True) if count}
    return Content(
        listing=listing,
        scan=scanned,
        numbers=good,
        labels=kept,
        classes=classes,
        parts=parts,
        fingerprint=_fingerprint(scanned.digest, kept, classes, parts),
        notes=(*listing.notes, *notes),
        skipped=(*listing.skipped, *skipped),
    )


def complaint(name: str, bad: Sequence[Named], count: int) -> DataError:
    """Return one error for all images that cannot be used."""
    if len(bad) == 1:
        where, reason = bad[0]
        return DataError(f"{where}: {reason}; repair or remove it, or go on without it: --skip-bad-images")
    lines = [f"  {where}: {reason}" for where, reason in bad[:_MOST_NAMED]]
    if len(bad) > _MOST_NAMED:
        lines.append(f"  and {len(bad) - _MOST_NAMED:,} more")
    head = f"{name}: {len(bad):,} of {count:,} images cannot be used"
    return DataError("\n".join([f"{head}; repair or remove them, or go on without them: --skip-bad-images", *lines]))


def bad_images(content: Content, bad: Mapping[int, str]) -> list[Named]:
    """Return the names and problems of images that are given by number."""
    return _name_images(content.listing, bad)


def _with_labels(listing: Listing, name: str) -> tuple[Listing, list[str]]:
    """Return the listing without val and test parts that have no labels, and notes about them."""
    parts, notes = dict[str, Part](), list[str]()
    for split, part in listing.parts.items():
        if split != "train" and len(part.labels) and (part.labels == NO_LABEL).all() and not part.problems:
            notes.append(f"{split} ({part.origin}): {len(part.labels):,} images without labels are left out")
        elif len(part.labels):
            parts[split] = part
    if not parts:
        raise DataError(f"{name}: holds no images")
    if "train" not in parts:
        raise DataError(f"{name}: has no train part, only {' and '.join(parts)}")
    if (parts["train"].labels == NO_LABEL).all() and not parts["train"].problems:
        raise DataError(f"{name}: its train images have no labels")
    return replace(listing, parts=parts), notes


def _name_images(listing: Listing, bad: Mapping[int, str]) -> list[Named]:
    named, start, left = list[Named](), 0, sorted(bad)
    for part in listing.parts.values():
        end = start + len(part.labels)
        named += [(part.where(number - start), bad[number]) for number in left if start <= number < end]
        start = end
    return named


def _first(words: Sequence[str]) -> str:
    more = f" and {len(words) - _MOST_CLASSES:,} more" if len(words) > _MOST_CLASSES else ""
    return ", ".join(words[:_MOST_CLASSES]) + more


def _fingerprint(digest: str, labels: Labels, classes: tuple[str, ...], parts: Mapping[str, int]) -> str:
    about = repr((digest, classes, dict(parts)))
    return FINGERPRINT + sha256(about.encode() + labels.tobytes()).hexdigest()[:16]
