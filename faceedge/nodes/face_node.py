"""Face node: faces with stable ids, landmarks, head pose and, where asked for, expression, as REP-155 has them.

Expression, action units and face crops are off until a parameter turns them on: what a face shows is personal data, and
inferring emotions is regulated (in the EU forbidden at work and in schools).
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from faceedge.camera.calibration import DEFAULT_HORIZONTAL_FOV_RAD
from faceedge.camera.frame import Frame
from faceedge.errors import InputError
from faceedge.inference.interpreter import RUNTIMES
from faceedge.nodes.diagnostics import Level, RateMeter, Report, latency_values, model_values
from faceedge.nodes.face_publishers import FacePublishers, FaceTopics
from faceedge.nodes.image_input import TRANSPORTS, ImageInput
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.parameters import Spec
from faceedge.nodes.process import run_nodes
from faceedge.nodes.worker import Worker
from faceedge.perception.faces import FacePerception, FaceSettings
from faceedge.timing import StageTimer

TAKE_TIMEOUT_S = 0.2
SILENCE_S = 1.0
"""Without a picture for this long nobody knows who is there: all faces are taken back."""
THROTTLE_S = 5.0

PARAMETERS = (
    Spec("image_topic", "image", "Raw image topic; its compressed twin is expected at <image_topic>/compressed."),
    Spec("camera_info_topic", "", "Calibration of the camera; empty: camera_info beside the image topic."),
    Spec(
        "transport",
        "auto",
        "How pictures come: shared (camera node in this process), raw, compressed; auto: shared if possible, else raw.",
        choices=TRANSPORTS,
    ),
    Spec(
        "detector", "near", "near: faces within about 2 m; far: small faces, such as a class.", choices=("near", "far")
    ),
    Spec("detection_threshold", 0.5, "Smallest confidence of a detection.", 0.02, 0.99),
    Spec("max_faces", 40, "Most faces that are followed at once.", 1, 200),
    Spec("faces_per_frame", 0, "Faces whose landmarks are refreshed in one frame, in turn; 0: all.", 0, 200),
    Spec("landmarks", True, "Publish 70 facial landmarks for each face."),
    Spec("pose", True, "Publish the frames face_<id> and gaze_<id> on /tf."),
    Spec("expression", False, "Publish what a face shows (regulated; off by default)."),
    Spec(
        "expression_threshold", -1.0, "Abstain below this confidence; -1: the threshold of the model's card.", -1.0, 1.0
    ),
    Spec("action_units", False, "Publish facial action units from the landmarks (regulated; off by default)."),
    Spec("cropped", False, "Publish a 128x128 picture of each face (privacy; off by default)."),
    Spec("smoothing_s", 0.3, "Time constant over which expressions are smoothed; 0: not at all.", 0.0, 10.0),
    Spec(
        "horizontal_fov_deg",
        round(math.degrees(DEFAULT_HORIZONTAL_FOV_RAD), 1),
        "Field of view assumed for a camera that is not calibrated.",
        1.0,
        179.0,
    ),
    Spec("models_folder", "", "Folder of the models and their cards; empty: the installed ones."),
    Spec("threads", 1, "Threads of each network.", 1, 16),
    Spec("runtime", "auto", "TFLite runtime.", choices=("auto", *RUNTIMES)),
)


class FaceNode(ManagedNode):
    """Lifecycle node `faces`; parameters in ``PARAMETERS``."""

    def __init__(self, **options: Any) -> None:
        super().__init__("faces", PARAMETERS, **options)
        self._values: dict[str, Any] = {}
        self._perception: FacePerception | None = None
        self._publishers_made: FacePublishers | None = None
        self._input: ImageInput | None = None
        self._worker: Worker | None = None
        self._rate = RateMeter()
        self._timer = StageTimer()
        self._last: Frame | None = None
        self._in_view = 0

    # Lifecycle.

    def configure(self, values: dict[str, Any]) -> None:
        """Load the models, which verifies their hashes, and make the publishers."""
        threshold = values["expression_threshold"]
        settings = FaceSettings(
            detector=values["detector"],
            detection_threshold=values["detection_threshold"],
            max_faces=values["max_faces"],
            faces_per_frame=values["faces_per_frame"],
            # Everything else is computed from the landmarks, whether or not they are published.
            landmarks=any(values[name] for name in ("landmarks", "pose", "expression", "action_units")),
            pose=values["pose"],
            expression=values["expression"],
            action_units=values["action_units"],
            expression_threshold=math.nan if threshold < 0 else threshold,
            smoothing_s=values["smoothing_s"],
            threads=values["threads"],
            runtime=values["runtime"],
        )
        folder = values["models_folder"]
        self._perception = FacePerception(settings, Path(folder).expanduser() if folder else None)
        topics = FaceTopics(**{name: values[name] for name in FaceTopics.__dataclass_fields__})
        self._publishers_made = FacePublishers(self, topics)
        self._values = values

    def activate(self) -> None:
        """Take pictures and start to work."""
        assert self._perception is not None
        values = self._values
        self._rate, self._timer, self._last, self._in_view = RateMeter(), StageTimer(), None, 0
        self._perception.reset()
        self._perception.timer.clear()
        fov_rad = math.radians(values["horizontal_fov_deg"])
        self._input = ImageInput(self, values["image_topic"], values["camera_info_topic"], values["transport"], fov_rad)
        self._worker = Worker("faces", self._work, self.crashed)
        self._worker.start()

    def deactivate(self) -> None:
        """Stop, and say that no face is tracked any more."""
        if self._input is not None:
            self._input.close()
            self._input = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
            self._nobody()

    def cleanup(self) -> None:
        """Take publishers and models back."""
        if self._publishers_made is not None:
            self._publishers_made.close()
        self._publishers_made = self._perception = None

    # Worker thread.

    def _work(self, stop: threading.Event) -> None:
        source, perception, publishers = self._input, self._perception, self._publishers_made
        assert source is not None
        assert perception is not None
        assert publishers is not None
        while not stop.is_set():
            taken = source.take(TAKE_TIMEOUT_S)
            if taken is None:
                if self._in_view and time.monotonic() - source.last_at > SILENCE_S:
                    perception.reset()
                    self._nobody()
                continue
            frame, intrinsics = taken
            self._start_anew_if_interrupted(frame, perception)
            self._timer.add("exposure to node", max(0, self._age_ns(frame)))
            try:
                faces = perception.process(frame, intrinsics)
            except InputError as error:
                source.reject(error)
                continue
            except Exception:  # a defect in one picture's way must not cost all pictures after it
                self.crashed(traceback.format_exc())
                continue
            with self._timer.stage("publish"):
                publishers.publish(faces, frame)
            self._timer.add("exposure to topic", max(0, self._age_ns(frame)))
            self._last, self._in_view = frame, len(faces)
            self._rate.tick()

    def _age_ns(self, frame: Frame) -> int:
        return int(self.get_clock().now().nanoseconds) - frame.stamp_ns

    def _start_anew_if_interrupted(self, frame: Frame, perception: FacePerception) -> None:
        """Tracks across a change of size or a jump back in time would join what does not belong together."""
        last = self._last
        if last is None:
            return
        reason = ""
        if last.image.shape != frame.image.shape:
            reason = (
                f"pictures changed from {last.image.shape[1]}x{last.image.shape[0]} to "
                f"{frame.image.shape[1]}x{frame.image.shape[0]}"
            )
        elif frame.stamp_ns < last.stamp_ns:
            reason = f"stamps went back by {(last.stamp_ns - frame.stamp_ns) / 1e9:.3f} s"
        if reason:
            self.get_logger().warning(f"{reason}; faces get new ids", throttle_duration_sec=THROTTLE_S)
            perception.reset()

    def _nobody(self) -> None:
        last, self._in_view = self._last, 0
        if self._publishers_made is not None:
            stamp_ns = int(self.get_clock().now().nanoseconds)
            self._publishers_made.nobody(stamp_ns, last.frame_id if last is not None else "")

    # Diagnostics.

    def report(self) -> Report:
        """Input state, rate, drops, models and latency."""
        source, perception = self._input, self._perception
        assert perception is not None
        values: dict[str, object] = {**model_values(perception.cards)}
        values |= {name: self._values[name] for name in ("expression", "action_units", "cropped")}
        if source is None:
            return Report(Level.OK, "inactive", "", values)
        silence_s = time.monotonic() - source.last_at
        level, message = Level.OK, "running"
        if silence_s > 2 * SILENCE_S:
            level, message = Level.WARN, f"no picture for {silence_s:.0f} s on {source.topic}{self._why(source)}"
        values |= {
            "rate": f"{self._rate.rate_hz():.1f} Hz",
            "faces": self._in_view,
            "frames": self._rate.total,
            "dropped": source.dropped,
            "rejected": source.rejected,
            "transport": source.transport,
            "calibrated": source.calibrated,
            **latency_values(perception.timer, self._timer),
        }
        return Report(level, message, source.topic, values)

    def _why(self, source: ImageInput) -> str:
        if source.transport == "shared":
            return ": is there an active camera node in this process?"
        return "" if self.count_publishers(source.topic) else ": nobody publishes it"


def main(args: list[str] | None = None) -> int:
    """Entry point `face_node`."""
    return run_nodes([FaceNode], args)
