"""Arrays that grow row by row on the disk and end as one ``.npz`` file, with memory that does not grow with them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from faceedge.simulation.sessions.closing import Unfinished

_MOMENT = (1980, 1, 1, 0, 0, 0)
"""Time stamps inside the file: always the same, so that equal data are equal bytes."""
_BLOCK_BYTES = 1 << 20


class NpzColumns(Unfinished):
    """Appends rows to named arrays; ``close()`` makes the ``.npz`` of them. A context manager.

    Args:
        path: of the file that ``close()`` makes. Until then the rows lie in a folder beside it.
        constants: arrays that do not grow, kept in the same file.
    """

    def __init__(self, path: Path, constants: Mapping[str, np.ndarray] | None = None) -> None:
        self._path = path
        self._folder = path.with_name(path.name + ".rows")
        self._constants = dict(constants or {})
        self._files: dict[str, IO[bytes]] = {}
        self._kinds: dict[str, tuple[np.dtype[np.generic], tuple[int, ...]]] = {}
        self._open = True
        self.rows = 0
        self._folder.mkdir()

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Add rows: the same names, types and shapes (but for the first axis) each time."""
        count = {len(values) for values in rows.values()}
        kinds = {name: (values.dtype, values.shape[1:]) for name, values in rows.items()}
        if not self._files:
            self._kinds = kinds
            self._files = {name: (self._folder / name).open("wb") for name in rows}
        if kinds != self._kinds or len(count) != 1:
            raise ValueError(f"rows must look like the first ones, {self._kinds}, got {kinds}")
        for name, values in rows.items():
            self._files[name].write(np.ascontiguousarray(values).tobytes())
        self.rows += count.pop()

    def close(self) -> None:
        """Make the file; may be called twice."""
        if not self._open:
            return
        for file in self._files.values():
            file.close()
        with zipfile.ZipFile(self._path, "w") as archive:
            for name, values in self._constants.items():
                with self._member(archive, name) as out:
                    np.lib.format.write_array(out, np.asarray(values), allow_pickle=False)
            for name, (dtype, shape) in self._kinds.items():
                header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
                with self._member(archive, name) as out, (self._folder / name).open("rb") as rows:
                    np.lib.format.write_array_header_1_0(out, {**header, "shape": (self.rows, *shape)})
                    shutil.copyfileobj(rows, out, _BLOCK_BYTES)
        self.abandon()

    @staticmethod
    def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
        info = zipfile.ZipInfo(f"{name}.npy", _MOMENT)
        info.compress_type = zipfile.ZIP_DEFLATED
        return archive.open(info, "w", force_zip64=True)

    def abandon(self) -> None:
        """Take the rows away, after an error."""
        self._open = False
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)
