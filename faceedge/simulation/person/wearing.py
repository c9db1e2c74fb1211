"""What a person has on: hair, beard and clothes over the skin, glasses and mask, and what all that is for the radar."""

from __future__ import annotations

import numpy as np

from faceedge.simulation.person.accessories import attachments
from faceedge.simulation.person.attachment import Worn
from faceedge.simulation.person.covering import draw_clothes
from faceedge.simulation.person.covers import Covers, parts, volume
from faceedge.simulation.person.head import Head
from faceedge.simulation.person.person import Person
from faceedge.simulation.person.posture import leaned_m
from faceedge.simulation.person.reflectivity import reflections
from faceedge.simulation.surface import PARTS


def worn(head: Head, person: Person, skin_m: np.ndarray, clothing_seed: int) -> Worn:
    """All that covers a person in a session.

    Args:
        head: the base.
        person: who.
        skin_m: (v, 3) their bare head in the head's frame.
        clothing_seed: of all that is otherwise on another day: clothes, how hair and glasses sit, how the trunk is
            held, the skin's moisture.
    """
    clothes = draw_clothes(clothing_seed)
    covers = Covers.at(head, person, clothes)
    offset_m = volume(head, skin_m, person, clothes, covers) + leaned_m(skin_m, head.follow, clothing_seed)
    part = parts(head, person, covers)
    middle_m = head.base_m[: head.vertices][head.triangles].mean(axis=1)
    return Worn(
        offset_m=offset_m,
        part=part,
        reflection=reflections(person, clothes, middle_m, part, covers.of_triangles(head.triangles)),
        opaque=part != PARTS.index("lashes"),
        meshes=attachments(person, head, skin_m + offset_m, clothing_seed),
    )
