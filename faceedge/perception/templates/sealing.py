"""The file of one template: encrypted and authenticated with AES-256-GCM (NIST SP 800-38D).

    offset  bytes  meaning
    0       8      ``FaceTpl1``
    8       16     application: the first half of the SHA-256 of its name
    24      16     id of the key, `KeyEntry.id`
    40      12     nonce
    52      n+16   ciphertext of `Template.to_bytes` and its tag

Associated data, authenticated beside it: the first 40 bytes, the application's and the person's name. A file
that is renamed, moved to another application, or patched in any byte is therefore refused.

A key encrypts exactly one template: each change of the file draws a new key. No nonce can come twice under a key, then,
and an older copy of the file that someone puts back is refused, since its key is gone.
"""

from __future__ import annotations

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from faceedge.perception.templates.keys import KeyEntry
from faceedge.perception.templates.refusals import Refusal, TemplateError
from faceedge.perception.templates.template import LARGEST_BYTES

MAGIC = b"FaceTpl1"
APPLICATION = slice(8, 24)
KEY_ID = slice(24, 40)
NONCE = slice(40, 52)
HEADER_BYTES, TAG_BYTES = 52, 16
LARGEST_FILE = HEADER_BYTES + LARGEST_BYTES + TAG_BYTES


def seal(data: bytes, entry: KeyEntry, application: str, name: str) -> bytes:
    """The file's bytes."""
    header = MAGIC + _application_tag(application) + entry.id
    nonce = secrets.token_bytes(12)
    return header + nonce + AESGCM(entry.secret).encrypt(nonce, data, _associated(header, application, name))


def claimed_key(file: bytes, application: str, name: str) -> bytes:
    """The id of the key that a file says it was sealed with.

    Raises:
        TemplateError: CORRUPT; too short, too long, or no such file at all.
    """
    if not HEADER_BYTES + TAG_BYTES < len(file) <= LARGEST_FILE or file[: len(MAGIC)] != MAGIC:
        raise TemplateError(
            Refusal.CORRUPT,
            f"the template of {name} for {application} is corrupt: {len(file)} bytes that do not begin or end as a "
            "template does; restore the file, or erase it and enrol again.",
        )
    return file[KEY_ID]


def is_of(file: bytes, application: str) -> bool:
    """Whether the header names this application."""
    return file[APPLICATION] == _application_tag(application)


def open_sealed(file: bytes, entry: KeyEntry, application: str, name: str) -> bytes:
    """What was sealed.

    Raises:
        TemplateError: TAMPERED; a bit of the file differs, or it is another person's or application's.
    """
    header = file[: NONCE.start]
    try:
        return AESGCM(entry.secret).decrypt(file[NONCE], file[HEADER_BYTES:], _associated(header, application, name))
    except InvalidTag as error:
        raise TemplateError(
            Refusal.TAMPERED,
            f"the template of {name} for {application} was changed since it was written, or belongs to somebody else; "
            "restore the file, or erase it and enrol again.",
        ) from error


def _application_tag(application: str) -> bytes:
    return hashlib.sha256(b"faceedge application" + application.encode()).digest()[:16]


def _associated(header: bytes, application: str, name: str) -> bytes:
    parts = [header, application.encode(), name.encode()]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
