"""Keys of templates in the kernel's keyring of the user: in the memory of the kernel, on no disk, gone after a restart.

Linux, keyrings(7), add_key(2), keyctl(2). The C library has no functions for these calls; they are made by number.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re

from faceedge.errors import DeviceError
from faceedge.perception.templates.keys import KeyEntry, checked_entry, no_key

CALLS = {"x86_64": (248, 250), "aarch64": (217, 219), "armv7l": (309, 311)}
"""Numbers of add_key and keyctl by machine; from the kernel's syscall tables."""
USER_KEYRING = -4  # KEY_SPEC_USER_KEYRING
SETPERM, DESCRIBE, READ, INVALIDATE = 5, 6, 11, 21  # KEYCTL_...
OWNER_ALONE = 0x3F3F0000
"""All rights for who possesses the key and for processes of the same user, as a file of mode 0600 gives; none for
groups and others."""
DESCRIPTION = re.compile(r"faceedge:(?P<application>\w+):(?P<name>\w+):(?P<id>[0-9a-f]{32})")
LARGEST_KEYRING = 1 << 20
GONE = (errno.ENOKEY, errno.EKEYEXPIRED, errno.EKEYREVOKED)


class KernelKeys:
    """Keys in the user's keyring. The kernel allows a user 200 keys and 20 kB unless told otherwise.

    Raises:
        DeviceError: no such keyring here; containers usually forbid it.
    """

    def __init__(self) -> None:
        if os.uname().sysname != "Linux" or platform.machine() not in CALLS:
            raise DeviceError(f"{platform.platform()} has no kernel keyring that is known here; keep keys in files.")
        self._add_key, self._keyctl = CALLS[platform.machine()]
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._serials()

    def write(self, application: str, name: str, entry: KeyEntry) -> None:
        """Keep an entry; see `KeyStore`."""
        data = entry.to_bytes()
        description = f"faceedge:{application}:{name}:{entry.id.hex()}".encode()
        serial = self._call(
            self._add_key, b"user", description, data, ctypes.c_size_t(len(data)), ctypes.c_long(USER_KEYRING)
        )
        self._control(SETPERM, serial, OWNER_ALONE)

    def read(self, application: str, name: str, key_id: bytes) -> KeyEntry:
        """The entry of that id; see `KeyStore`."""
        serial = self._all().get((application, name, key_id))
        if serial is None:
            raise no_key(application, name)
        return checked_entry(self._text(READ, serial), key_id, f"the key {serial} in the kernel's keyring")

    def ids(self, application: str, name: str) -> list[bytes]:
        """Ids of all entries of one person."""
        return sorted(key_id for where, who, key_id in self._all() if (where, who) == (application, name))

    def names(self, application: str) -> list[str]:
        """People with an entry, in order."""
        return sorted({who for where, who, _ in self._all() if where == application})

    def applications(self) -> list[str]:
        """Applications with an entry, in order."""
        return sorted({where for where, _, _ in self._all()})

    def delete(self, application: str, name: str, key_id: bytes) -> None:
        """Destroy an entry; the kernel overwrites it."""
        serial = self._all().get((application, name, key_id))
        if serial is not None:
            self._control(INVALIDATE, serial)

    def clean(self, application: str, name: str) -> None:
        """Nothing is ever half written here."""

    def _all(self) -> dict[tuple[str, str, bytes], int]:
        found = {}
        for serial in self._serials():
            try:
                text = self._text(DESCRIBE, serial).rstrip(b"\0").decode(errors="replace")
            except DeviceError:  # another user's, or gone meanwhile
                continue
            match = DESCRIPTION.fullmatch(text.split(";")[-1])
            if match:
                found[match["application"], match["name"], bytes.fromhex(match["id"])] = serial
        return found

    def _serials(self) -> list[int]:
        data = self._text(READ, USER_KEYRING)
        return [int.from_bytes(data[at : at + 4], "little", signed=True) for at in range(0, len(data), 4)]

    def _text(self, operation: int, serial: int) -> bytes:
        """What an operation writes; it is asked for the length first."""
        size = self._control(operation, serial, None, 0)
        while True:
            buffer = ctypes.create_string_buffer(min(size, LARGEST_KEYRING))
            needed = self._control(operation, serial, buffer, len(buffer))
            if needed <= len(buffer):
                return buffer.raw[:needed]
            size = needed

    def _control(self, operation: int, serial: int, third: object = None, fourth: int = 0) -> int:
        third = ctypes.c_ulong(third) if isinstance(third, int) else third
        arguments = (ctypes.c_int(operation), ctypes.c_long(serial), third, ctypes.c_size_t(fourth), ctypes.c_long(0))
        return self._call(self._keyctl, *arguments)

    def _call(self, number: int, *arguments: object) -> int:
        result = int(self._libc.syscall(ctypes.c_long(number), *arguments))
        if result < 0:
            code = ctypes.get_errno()
            remedy = (
                "it went meanwhile" if code in GONE else "containers forbid it and quotas bound it: keep keys in files"
            )
            raise DeviceError(f"the kernel's keyring refuses: {os.strerror(code)}; {remedy}.")
        return result
