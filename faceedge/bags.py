"""ROS 2 bags as files: what looks like one, and opening it with a sentence where it is none. Needs no ROS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceedge.errors import InputError, one_line

if TYPE_CHECKING:
    from rosbags.rosbag2 import Reader

METADATA = "metadata.yaml"
STORAGE_SUFFIXES = {".mcap": "MCAP", ".db3": "sqlite3"}


def is_bag(path: Path) -> bool:
    """Whether ``path`` looks like a bag folder or one of its storage files."""
    if path.is_dir():
        return (path / METADATA).is_file() or any(storage_files(path))
    return path.suffix in STORAGE_SUFFIXES


def storage_files(folder: Path) -> list[Path]:
    """The storage files in a bag folder, in order of name."""
    return sorted(file for file in folder.iterdir() if file.suffix in STORAGE_SUFFIXES and file.is_file())


def open_bag(path: Path) -> Reader:
    """A bag folder or a storage file, opened; the caller closes it.

    Raises:
        InputError: no bag, one that was not closed, or a damaged one.
    """
    from rosbags.rosbag2 import Reader

    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # rosbags has several types for it, and a damaged file may cause any of Python's
        raise InputError(f"{path} is no bag that can be read: {reason(error)}.") from error
    return reader


def reason(error: BaseException) -> str:
    """What rosbags or mcap says of a file that it cannot read, as the end of a sentence without its full stop."""
    text = one_line(error).rstrip(".")
    return {"EndOfFile": "it ends in the middle of a record"}.get(text, text)
