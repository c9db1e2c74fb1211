"""Fuzz targets of what a template's files hold: the sealed file, the record inside it, an entry of the key store."""

from __future__ import annotations

import template_people as people

from faceedge.perception.templates import sealing
from faceedge.perception.templates.keys import KeyEntry
from faceedge.perception.templates.template import Template

ENTRY = KeyEntry(bytes(range(32)), people.KEY)
RECORD = people.template().to_bytes()


def opened(data: bytes) -> object:
    """As `Vault` does it; what opens is the good input itself, or the cipher is broken."""
    sealing.claimed_key(data, "door", "ann")
    record = sealing.open_sealed(data, ENTRY, "door", "ann")
    assert record == RECORD, "a changed file was opened"
    return Template.from_bytes(record)


def record(data: bytes) -> object:
    """What is read is written again without a difference."""
    template = Template.from_bytes(data)
    assert Template.from_bytes(template.to_bytes()).to_bytes() == template.to_bytes()
    return template


TARGETS = {
    "template file": (opened, sealing.seal(RECORD, ENTRY, "door", "ann")),
    "template record": (record, RECORD),
    "template key": (KeyEntry.from_bytes, ENTRY.to_bytes()),
}
