"""Measures the third-party face networks on real pictures; the figures on their cards come from here.

    python benchmarks/face_models.py DATA [--json] [--detectors FOLDER]

DATA is a folder with any of: ``lfw/images`` (portraits, one face each), ``student_engagement`` (frames, one face each),
``video/{classroom.gif,single_face.mp4,no_face.mp4}``. What is absent is left out. ``--detectors`` measures every
model of another folder, each with its card, in place of the shipped detectors.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceedge.camera.detection import FaceDetector
from faceedge.camera.landmarks import LandmarkNetwork, square_of_detection, square_of_mesh
from faceedge.inference.interpreter import Interpreter, available_runtimes
from faceedge.inference.registry import Model, find_model, list_models

STUDENTS_IN_CLASSROOM = 4
# Runs of a network that are timed, after as many that warm it up.
RUNS = 100
# Mesh points that mirror into each other: eye corners, mouth corners, and some on the middle line.
MIRROR = {33: 263, 133: 362, 61: 291, 4: 4, 152: 152, 10: 10, 168: 168, 0: 0, 17: 17, 127: 356}


def pictures(folder: Path, step: int) -> Iterator[np.ndarray]:
    """Every ``step``-th picture of a folder and its folders, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for path in paths[::step]:
        image = cv2.imread(str(path))
        if image is not None:
            yield image


def video(path: Path) -> Iterator[np.ndarray]:
    """All frames of a video."""
    capture = cv2.VideoCapture(str(path))
    while True:
        good, image = capture.read()
        if not good:
            return
        yield image


def sets(data: Path) -> dict[str, tuple[Callable[[], Iterator[np.ndarray]], int]]:
    """Name -> (pictures, faces in each)."""
    known: dict[str, tuple[Path, Callable[[Path], Iterator[np.ndarray]], int]] = {
        "portraits (lfw, every 4th)": (data / "lfw" / "images", lambda path: pictures(path, 4), 1),
        "students (student_engagement, every 10th)": (data / "student_engagement", lambda path: pictures(path, 10), 1),
        "one face (single_face.mp4)": (data / "video" / "single_face.mp4", video, 1),
        "class (classroom.gif)": (data / "video" / "classroom.gif", video, STUDENTS_IN_CLASSROOM),
        "no face (no_face.mp4)": (data / "video" / "no_face.mp4", video, 0),
    }
    return {
        name: (lambda read=read, path=path: read(path), faces)  # type: ignore[misc]
        for name, (path, read, faces) in known.items()
        if path.exists()
    }


def detection(model: Model, data: Path) -> dict[str, Any]:
    """Faces found of those there are, and detections too many per picture, at two thresholds."""
    result: dict[str, Any] = {}
    for threshold in (0.5, 0.6):
        detector = FaceDetector(model, score_threshold=threshold)
        for title, (read, faces) in sets(data).items():
            counts = np.array([len(detector.detect(image)) for image in read()])
            entry: dict[str, Any] = {"pictures": len(counts)}
            if faces:
                entry["recall"] = round(float(np.minimum(counts, faces).sum() / (faces * len(counts))), 3)
            entry["too many per picture"] = round(float(np.maximum(counts - faces, 0).mean()), 3)
            result.setdefault(title, {})[f"threshold {threshold}"] = entry
    return result


def students(data: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames of one student with the face's box, which the near detector gives at full size: (image, (4,))."""
    near, result = FaceDetector(find_model("face_detection_near")), []
    folder = data / "student_engagement"
    for image in pictures(folder, 10) if folder.exists() else ():
        found = near.detect(image)
        if len(found) == 1:
            result.append((image, found.boxes[0]))
    return result


def hits(boxes: np.ndarray, wanted: np.ndarray) -> int:
    """How many of ``wanted`` (n, 4) have a box whose centre lies within half their width of their own."""
    if not len(boxes):
        return 0
    centres, targets = (boxes[:, :2] + boxes[:, 2:]) / 2, (wanted[:, :2] + wanted[:, 2:]) / 2
    distances = np.linalg.norm(targets[:, None] - centres[None], axis=2).min(axis=1)
    return int((distances < (wanted[:, 2] - wanted[:, 0]) / 2).sum())


def recall_by_size(model: Model, faces: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Recall over the width of the face in 1280x720 mosaics of n x n whole frames, each with one person.

    Only frames of the mosaic's own shape: one in portrait format would be stretched beyond what any detector knows.
    """
    detector, result = FaceDetector(model), {}
    faces = [(image, box) for image, box in faces if image.shape[1] * 720 == image.shape[0] * 1280]
    for n in (1, 2, 3, 4, 5, 6, 8):
        found = total = 0
        widths: list[float] = []
        for start in range(0, len(faces) - n * n + 1, n * n):
            mosaic, wanted = np.zeros((720, 1280, 3), np.uint8), []
            width, height = 1280 // n, 720 // n
            for cell, (image, box) in enumerate(faces[start : start + n * n]):
                x, y = cell % n * width, cell // n * height
                part = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
                mosaic[y : y + height, x : x + width] = part
                scale = np.array((width, height) * 2) / (image.shape[1], image.shape[0], image.shape[1], image.shape[0])
                wanted.append(box * scale + (x, y, x, y))
            targets = np.array(wanted)
            found += hits(detector.detect(mosaic).boxes, targets)
            total += len(targets)
            widths += (targets[:, 2] - targets[:, 0]).tolist()
        if total:
            result[f"{np.median(widths):.0f} px (n = {total})"] = round(found / total, 2)
    return result


def recall_by_roll(model: Model, faces: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Recall over the roll of the picture, turned about the middle of the face."""
    detector, result = FaceDetector(model), {}
    for angle in (0, 15, 30, 45, 60, 90):
        found = 0
        for image, box in faces:
            centre = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
            matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
            turned = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
            found += hits(detector.detect(turned).boxes, box[None])
        if faces:
            result[f"{angle} degrees"] = round(found / len(faces), 2)
    return result


def landmarks(data: Path) -> dict[str, Any]:
    """How sure and how consistent the mesh is, in per cent of the distance between the outer corners of the eyes."""
    detector, network = FaceDetector(find_model("face_detection_near")), LandmarkNetwork(find_model("face_landmarks"))
    keys, partners = list(MIRROR), list(MIRROR.values())
    result: dict[str, Any] = {}
    for title, (read, faces) in sets(data).items():
        if faces != 1:
            continue
        present, errors, looks = [], [], []
        for image in read():
            found = detector.detect(image)
            if not len(found):
                continue
            first = network.locate(image, square_of_detection(found.boxes[0], found.keypoints[0]))
            present.append(first.presence >= 0.5)
            if not present[-1]:
                continue
            square = square_of_mesh(first.points)
            points = network.locate(image, square).points[:, :2]
            width = np.linalg.norm(points[33] - points[263])
            flipped = np.ascontiguousarray(image[:, ::-1])
            last = image.shape[1] - 1
            mirrored = network.locate(
                flipped, type(square)(last - square.x, square.y, square.size, -square.angle_rad)
            ).points[:, :2]
            mirrored = mirrored[partners] * (-1, 1) + (last, 0)
            errors.append(np.linalg.norm(points[keys] - mirrored, axis=1).mean() / width * 100)
            looks.append(np.linalg.norm(points - first.points[:, :2], axis=1).mean() / width * 100)
        result[title] = {
            "faces": len(present),
            "presence at least 0.5": round(float(np.mean(present)), 3),
            "mirror error, % of biocular width, median": round(float(np.median(errors)), 2),
            "second look against first, %, median": round(float(np.median(looks)), 2),
        }
    return result


def timing(model: Model) -> dict[str, float]:
    """Median time of one inference on one thread, ms, by runtime."""
    result = {}
    for runtime in available_runtimes():
        network = Interpreter(model.path, runtime=runtime)
        values = np.random.default_rng(0).random(network.input_shapes[0], np.float32)
        times = []
        for _ in range(2 * RUNS):
            start = time.perf_counter()
            network.run(values)
            times.append(time.perf_counter() - start)
        result[network.runtime] = round(float(np.median(times[RUNS:])) * 1e3, 2)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--json", action="store_true", help="print JSON instead of YAML")
    parser.add_argument("--detectors", type=Path, metavar="FOLDER", help="folder of other detectors and their cards")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    data, folder = arguments.data, arguments.detectors
    names = ["face_detection_near", "face_detection_far"]
    if folder is not None:
        names = [card.name for card in list_models([folder])]
    faces, result = students(data), {}
    for name in names:
        model = find_model(name, folder)
        result[name] = {
            "metrics": {
                **detection(model, data),
                "recall by width of the face, mosaics of student_engagement in 1280x720": recall_by_size(model, faces),
                "recall by roll, student_engagement": recall_by_roll(model, faces),
            },
            "time_ms": timing(model),
        }
    if folder is None:
        result["face_landmarks"] = {"metrics": landmarks(data), "time_ms": timing(find_model("face_landmarks"))}
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        import yaml

        print(yaml.safe_dump(result, sort_keys=False, width=118))


if __name__ == "__main__":
    main()
