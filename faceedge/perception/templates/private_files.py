"""Files that only their owner may read: written whole or not at all, their mode checked when read, overwritten at last.

What overwriting is worth on flash is told in docs/templates.md: little. It is done for disks that write in place.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from faceedge.errors import ConfigurationError
from faceedge.perception.templates.refusals import Refusal, TemplateError

FILE_MODE, FOLDER_MODE = 0o600, 0o700
PARTIAL = ".partial"


def private_folder(folder: Path) -> Path:
    """Make a folder of mode 0700 where there is none.

    Raises:
        ConfigurationError: it cannot be made, is something else, or others may enter it.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}.") from error
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        raise ConfigurationError(
            f"{folder} is open to other users (mode {mode:04o}); `chmod 700 {folder}`, on a file system with modes."
        )
    return folder


def write_private(path: Path, data: bytes) -> None:
    """Replace or make a file of mode 0600 in one step: after a crash it holds the old bytes or the new, never a part.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)  # a umask can only take rights away; a default ACL could give some
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_private(path: Path, most_bytes: int) -> bytes | None:
    """The file's bytes, at most one more than ``most_bytes``; None if there is no file.

    Raises:
        TemplateError: EXPOSED; others may read or write it, or it is a link. CORRUPT; it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        link = path.is_symlink()
        refusal = Refusal.EXPOSED if link else Refusal.CORRUPT
        why = "it is a link" if link else error.strerror
        raise TemplateError(refusal, f"{path} is not read: {why}; put the file itself in its place.") from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise TemplateError(Refusal.CORRUPT, f"{path} is no file; remove it.")
        if mode & 0o077:
            raise TemplateError(
                Refusal.EXPOSED,
                f"{path} is open to other users (mode {mode:04o}); find out who read or changed it, then "
                f"`chmod 600 {path}`.",
            )
        return file.read(most_bytes + 1)


def destroy(path: Path) -> bool:
    """Overwrite a file with zeros where it stands and remove it; whether there was one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:  # a link, or no right to write: the name goes at least
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        return True
    with os.fdopen(handle, "wb", closefd=True) as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
