"""Embeddings, templates and vaults for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceedge.perception.templates.keys import FileKeys
from faceedge.perception.templates.polyprotect import Key, protect
from faceedge.perception.templates.template import ChirpFingerprint, Template
from faceedge.perception.templates.vault import Vault
from faceedge.radar.chirp_files import load_chirp_file

CHIRP = load_chirp_file("bgt60_face_full_band").chirp
MODEL = "5e" * 32
WHEN = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
KEY = Key((10, -7, 33, 100, -100, 1, 52), (3, 1, 7, 2, 5, 4, 6))


def embedding(seed: int = 0, size: int = 128) -> np.ndarray:
    """(size,) of length 1."""
    vector = np.random.default_rng(seed).standard_normal(size)
    return vector / np.linalg.norm(vector)


def template(name: str = "ann", seed: int = 0, application: str = "door", created: datetime = WHEN) -> Template:
    """Of a person whose embedding is ``embedding(seed)``, under `KEY`."""
    protected = protect(embedding(seed), KEY)
    fingerprint = ChirpFingerprint.of(CHIRP)
    consent = {"agreed_at": "2026-11-20T12:29:00+00:00"}
    return Template(name, application, protected, 0.4, fingerprint, MODEL, created, consent, {"mean": 0.1})


def vault(folder: Path, application: str = "door") -> Vault:
    """With keys in files beside the templates' folder."""
    return Vault(folder / "templates", FileKeys(folder / "keys"), application)
