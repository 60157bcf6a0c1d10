"""Lookup of the image that a table names: exactly, without its ending, or with folders of another machine."""

import os
import posixpath
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from mlpnas.datasets._listing import escape
from mlpnas.datasets._parts import split_of
from mlpnas.datasets._walk import Found, is_image, walk

_COMMON = (".jpg", ".png", ".jpeg", ".JPG", ".JPEG", ".PNG", ".tif", ".webp", ".bmp")


class Index:
    """The images below a folder, found by the names in a table. All names are relative to the folder, with "/"."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def found(self) -> Found:
        return walk(self.root)

    @cached_property
    def _by_base(self) -> dict[str, list[str]]:
        """Last part of a name, with and without its ending -> names."""
        named: dict[str, list[str]] = {}
        for name, problem in self.found.images:
            if not problem:
                base = posixpath.basename(name)
                for key in {base, posixpath.splitext(base)[0]}:
                    named.setdefault(key, []).append(name)
        return named

    def resolve(self, text: str, folder: str, split: str = "") -> tuple[str, str]:
        """Return (name, "") of the image that a table in `folder` calls `text`, or ("", problem)."""
        wanted = text.strip().replace("\\", "/")
        root = f"{self.root}/"
        wanted = wanted.removeprefix(root)
        for name in self._direct(wanted, folder):
            if os.path.isfile(root + name):
                return name, ""
        inside = posixpath.normpath(posixpath.join(folder, wanted))
        if inside.startswith("../"):
            return "", f"names a file outside of {escape(self.root.name)}/ ({escape(text, 80)}), which is not opened"
        return self._elsewhere(text, wanted.split("/"), split)

    def looks_right(self, texts: Iterable[str], folder: str) -> bool:
        """Return whether any of `texts` names an image, without listing all files."""
        folders = ["", *(f"{path.name}/" for path in sorted(self.root.iterdir()) if path.is_dir())][:20]
        names = [name for text in texts for name in self._direct(text.strip().replace("\\", "/"), folder)]
        return any(os.path.isfile(f"{self.root}/{inside}{name}") for inside in folders for name in names)

    def _direct(self, wanted: str, folder: str) -> list[str]:
        if not wanted or wanted.startswith("/"):
            return []
        bases = dict.fromkeys(posixpath.normpath(posixpath.join(start, wanted)) for start in (folder, ""))
        endings = ("",) if is_image(wanted) else _COMMON
        return [f"{base}{ending}" for base in bases for ending in endings if not base.startswith("..")]

    def _elsewhere(self, text: str, parts: list[str], split: str) -> tuple[str, str]:
        names = self._by_base.get(parts[-1], [])
        for count in range(len(parts), 0, -1):  # prefer the most common folders
            tail = parts[-count:-1]
            alike = [name for name in names if name.split("/")[:-1][-len(tail) or len(name) :] == tail]
            of_split = [name for name in alike if split and split_of(name) == split]
            if len(best := of_split or alike) == 1:
                return best[0], ""
            if best:
                return "", f"{escape(text, 80)} may be {escape(best[0], 80)} or {escape(best[1], 80)}"
        return "", f"no image {escape(text, 80)} in {escape(self.root.name)}/"
