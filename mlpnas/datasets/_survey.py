"""The survey of a data set: its content and use, for choices before a search and as lines for people."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlpnas.datasets._content import Content
from mlpnas.datasets._decode import used_size
from mlpnas.datasets._scan import Size
from mlpnas.datasets._split import Indices
from mlpnas.plain_text import plural

_MOST_CLASSES = 10


@dataclass(frozen=True)
class Survey:
    """The content of a source, from names, labels and image headers; nothing is decoded.

    Attributes:
        channels: 1 if all images are grey, else 3.
        images: number in "train", "val" and "test", after splitting.
        origins: the source of each of these, in words.
        counts: train images of each class, in the order of `classes`.
        smallest, largest: (height, width) of the stored images with the fewest and the most pixels.
        size: (height, width) of the decoded images.
        chance: the top-1 share on val of always answering its most frequent class.
        flip: true if the source says that a mirrored image still belongs to its class.
        skipped: (file, reason) of all files left out.
        notes: lines for people.
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    images: Mapping[str, int]
    origins: Mapping[str, str]
    counts: tuple[int, ...]
    smallest: Size
    largest: Size
    size: Size
    chance: float
    flip: bool
    fingerprint: str
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def survey_of(
    content: Content, name: str, splits: Mapping[str, Indices], wanted: Size | None, flip: bool, first: Sequence[str]
) -> Survey:
    """Return the survey; `splits` are the indices of train, val and test, `first` the first notes."""
    sizes = content.scan.sizes
    by_pixels = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    val = content.labels[splits["val"]]
    chance = float(np.bincount(val).max()) / len(val)
    size = used_size(sizes, wanted)
    images = {split: len(indices) for split, indices in splits.items()}
    origins = {split: _origin(content, split) for split in splits}
    notes = (
        *first,
        _contents(name, content, images, chance),
        ", ".join(f"{split} {images[split]:,} ({origins[split]})" for split in splits),
        _sizes(sizes, by_pixels[0], by_pixels[-1], size),
        *_kinds(content),
        *content.notes,
        *_skips(content.skipped),
    )
    return Survey(
        name=name,
        classes=content.classes,
        channels=content.scan.channels,
        images=images,
        origins=origins,
        counts=tuple(np.bincount(content.labels[splits["train"]], minlength=len(content.classes)).tolist()),
        smallest=by_pixels[0],
        largest=by_pixels[-1],
        size=size,
        chance=chance,
        flip=flip,
        fingerprint=content.fingerprint,
        skipped=content.skipped,
        notes=notes,
    )


def _origin(content: Content, split: str) -> str:
    if split in content.parts:
        return content.listing.parts[split].origin
    return "split off train" if split == "test" else "split off train by the seed"


def _contents(name: str, content: Content, images: Mapping[str, int], chance: float) -> str:
    classes = content.classes
    more = f" and {len(classes) - _MOST_CLASSES:,} more" if len(classes) > _MOST_CLASSES else ""
    listed = ", ".join(classes[:_MOST_CLASSES]) + more
    return (
        f"{name}: {sum(images.values()):,} {'grey' if content.scan.channels == 1 else 'colour'} images, "
        f"{len(classes):,} classes ({listed}); guessing the largest class gets {chance:.1%} of val"
    )


def _sizes(sizes: Mapping[Size, int], smallest: Size, largest: Size, size: Size) -> str:
    stored = _text(smallest) if len(sizes) == 1 else f"{_text(smallest)} to {_text(largest)}"
    is_square = all(height == width for height, width in (smallest, largest, size))
    line = f"stored {stored} pixels{'' if is_square else ' (height x width)'}, used at {_text(size)}"
    return "; ".join([line, *_crops(sizes, size)])


def _crops(sizes: Mapping[Size, int], size: Size) -> Iterator[str]:
    """Yield the largest share of height and of width that is cut off, and the number of images."""
    for side, other, name in ((0, 1, "height"), (1, 0, "width")):
        # the share of a side that is left when the other side fills the used size
        left = {stored: stored[other] * size[side] / size[other] / stored[side] for stored in sizes}
        cut = {stored: 1 - share for stored, share in left.items() if share < 0.995}
        if cut:
            count = sum(sizes[stored] for stored in cut)
            most = max(cut.values())
            upto = "" if len(set(cut.values())) == 1 else "up to "
            yield f"the centre is kept: {upto}{most:.0%} of the {name} of {count:,} images is cropped"


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _kinds(content: Content) -> Iterator[str]:
    kinds = content.scan.kinds
    if count := kinds["is_transparent"]:
        yield f"images with transparency, laid on white: {count:,}"
    if count := kinds["is_deep"]:
        yield f"images of more than 8 bits, read by their upper 8 bits: {count:,}"
    if count := kinds["has_frames"]:
        yield f"images with several frames or pages, read by their first one: {count:,}"
    if content.scan.channels == 3 and (count := kinds["is_grey"]):
        yield f"grey images, read as colour like the others: {count:,}"


def _skips(skipped: Sequence[tuple[str, str]]) -> Iterator[str]:
    if skipped:
        reasons = Counter(reason for _, reason in skipped).most_common()
        listed = "; ".join(f"{count:,}: {reason}" for reason, count in reasons[:5])
        more = f"; and {sum(count for _, count in reasons[5:]):,} for other reasons" if reasons[5:] else ""
        yield f"{plural(len(skipped), 'file')} skipped, {skipped[0][0]} the first ({listed}{more})"
