"""How long matching, protecting, opening and storing take on one core."""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rows import Row, at_most, one_core, timed
from templates_people import SPREAD, unit

from faceedge.perception.templates.gallery import Gallery
from faceedge.perception.templates.keys import FileKeys
from faceedge.perception.templates.polyprotect import draw_key, protect, similarity
from faceedge.perception.templates.template import ChirpFingerprint, Template
from faceedge.perception.templates.vault import Vault
from faceedge.radar.chirp_files import load_chirp_file

TEMPLATES = 10_000
LIMIT_MS = 10.0


def section(args: argparse.Namespace) -> list[Row]:
    """Measure."""
    rng = np.random.default_rng(args.seed)
    embeddings = unit(rng.standard_normal((TEMPLATES, SPREAD)))
    keys = [draw_key() for _ in range(TEMPLATES)]
    rows = np.stack([protect(vector, key) for vector, key in zip(embeddings, keys, strict=True)])
    gallery, probe = Gallery(rows, keys), embeddings[7]
    with one_core(args.core), tempfile.TemporaryDirectory() as folder:
        many, slowest = timed(lambda: gallery.scores(probe), 300)
        single, _ = timed(lambda: similarity(protect(probe, keys[7]), rows[7]), 300)
        one_by_one, _ = timed(lambda: [similarity(protect(probe, keys[i]), rows[i]) for i in range(100)], 20)
        vault = Vault(Path(folder) / "templates", FileKeys(Path(folder) / "keys"), "bench")
        chirp = ChirpFingerprint.of(load_chirp_file("bgt60_face_full_band").chirp)
        template = Template("ann", "bench", rows[7], 0.5, chirp, "0" * 64, datetime.now(UTC))
        put, _ = timed(lambda: vault.put("ann", template, keys[7], even_so=True), 30)
        opened, _ = timed(lambda: vault.unlock("ann"), 100)
    return [
        at_most("10,000 templates, each with its own key, p50", many, "ms", LIMIT_MS, "probe protected with each key"),
        at_most("10,000 templates, each with its own key, p99", slowest, "ms", LIMIT_MS),
        Row("the same one after the other", one_by_one * TEMPLATES / 100, "ms", note="from 100"),
        Row("1 template: protect and compare", single, "ms"),
        Row("open a template: read, decrypt, check", opened, "ms"),
        Row("store a template: two files to the disk, one away", put, "ms"),
    ]
