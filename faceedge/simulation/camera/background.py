"""What is behind the person: a plain wall, or a room out of focus. It does not move."""

from __future__ import annotations

import cv2
import numpy as np

from faceedge.simulation.camera.shading import Light

_WALL_ALBEDO = (0.35, 0.75)
_WALL_COLOURS = ((1.0, 0.98, 0.94), (0.94, 0.97, 1.0), (1.0, 0.95, 0.86), (0.92, 1.0, 0.95), (0.9, 0.9, 0.92))
_WALL_DISTANCE_M = (1.2, 3.0)
_ROOM_SHAPES = (7, 14)
_ROOM_BLUR = 0.022  # of the picture's width


def wall(height: int, width: int, light: Light, seed: int) -> np.ndarray:
    """A plain wall with a soft gradient.

    Returns:
        (height, width, 3) float32 linear radiance.
    """
    random = np.random.default_rng((seed, 71))
    colour = np.array(_WALL_COLOURS[random.integers(len(_WALL_COLOURS))]) * random.uniform(*_WALL_ALBEDO)
    turn = random.uniform(0, 2 * np.pi)
    steepness = random.uniform(0.05, 0.25)
    across = np.linspace(-1, 1, width) * np.cos(turn)
    down = np.linspace(-1, 1, height) * np.sin(turn)
    gradient = 1.0 + steepness * (across[np.newaxis] + down[:, np.newaxis])
    return _lit(gradient[..., np.newaxis] * colour, light, random)


def room(height: int, width: int, light: Light, seed: int) -> np.ndarray:
    """A room out of focus: upright and lying rectangles of furniture, a window or a lamp.

    Returns:
        (height, width, 3) float32 linear radiance.
    """
    random = np.random.default_rng((seed, 72))
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = np.array(_WALL_COLOURS[random.integers(len(_WALL_COLOURS))]) * random.uniform(*_WALL_ALBEDO)
    for _ in range(random.integers(*_ROOM_SHAPES)):
        colour = random.uniform(0.05, 0.7) * (1 + random.uniform(-0.35, 0.35, 3))
        size = random.uniform(0.08, 0.6, 2) * (width, height)
        corner = random.uniform(-0.2, 1.0, 2) * (width, height)
        cv2.rectangle(picture, np.int32(corner).tolist(), np.int32(corner + size).tolist(), colour.tolist(), -1)
    if random.random() < 0.6:
        corner = random.uniform(0.0, 0.9, 2) * (width, 0.5 * height)
        end = corner + random.uniform(0.1, 0.3, 2) * (width, height)
        cv2.rectangle(picture, np.int32(corner).tolist(), np.int32(end).tolist(), (1.6, 1.6, 1.5), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), max(_ROOM_BLUR * width, 0.5))
    return _lit(picture, light, random)


def _lit(albedo: np.ndarray, light: Light, random: np.random.Generator) -> np.ndarray:
    """What the room's light and the ring leave of ``albedo``; the ring fades with the wall's distance squared."""
    distance_m = random.uniform(*_WALL_DISTANCE_M)
    room_light = light.ambient + 0.5 * sum(strength for _, strength in light.lamps)
    level = room_light + light.ring * (light.ring_distance_m / distance_m) ** 2
    return np.asarray(np.clip(albedo, 0.0, None) * level * np.array(light.tint), np.float32)
