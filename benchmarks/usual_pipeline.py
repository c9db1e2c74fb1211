"""The pipeline that ROS users build today, as one node: Haar faces and a FER+ style network through ``cv2.dnn``.

One process instead of the two that released packages use, which spares it a second image transfer. FER+ (E. Barsoum et
al., "Training deep networks for facial expression recognition with crowd-sourced label distribution", 2016) is a VGG13
on 64x64 grey faces; its weights are random here, because time does not depend on them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import rclpy
from hri_msgs.msg import Expression
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image

CONVOLUTIONS = ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256))
DENSE = (1024, 1024, 8)
INPUT_SIZE = 64


def fer_plus_style_network(seed: int = 0) -> cv2.dnn.Net:
    """The VGG13 of FER+ with random weights, in the one format that ``cv2.dnn`` reads without further packages."""
    rng = np.random.default_rng(seed)
    text = [f"[net]\nwidth={INPUT_SIZE}\nheight={INPUT_SIZE}\nchannels=1\n"]
    weights = [np.array([0, 2, 0, 0, 0], np.int32).tobytes()]

    def add(outputs: int, inputs: int) -> None:
        weights.append(np.zeros(outputs, np.float32).tobytes())
        weights.append(rng.normal(0, np.sqrt(2 / inputs), outputs * inputs).astype(np.float32).tobytes())

    channels, side = 1, INPUT_SIZE
    for block in CONVOLUTIONS:
        for filters in block:
            text.append(f"[convolutional]\nfilters={filters}\nsize=3\nstride=1\npad=1\nactivation=relu\n")
            add(filters, channels * 9)
            channels = filters
        text.append("[maxpool]\nsize=2\nstride=2\n")
        side //= 2
    inputs = channels * side * side
    for outputs in DENSE:
        text.append(f"[connected]\noutput={outputs}\nactivation={'relu' if outputs != DENSE[-1] else 'linear'}\n")
        add(outputs, inputs)
        inputs = outputs
    net = cv2.dnn.readNetFromDarknet(
        np.frombuffer("\n".join(text).encode(), np.uint8), np.frombuffer(b"".join(weights), np.uint8)
    )
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    return net


class UsualPipeline(Node):
    """Subscribes `image`, publishes `expression` of the largest face."""

    def __init__(self) -> None:
        super().__init__("usual_pipeline")
        cascades = Path(cv2.__file__).parent / "data"
        self._cascade = cv2.CascadeClassifier(str(cascades / "haarcascade_frontalface_default.xml"))
        self._network = fer_plus_style_network()
        self._publisher = self.create_publisher(Expression, "expression", 10)
        self.create_subscription(Image, "image", self._on_image, 1)

    def _on_image(self, message: Image) -> None:
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        faces = self._cascade.detectMultiScale(grey, 1.1, 5, minSize=(40, 40))
        if len(faces) == 0:
            return
        x, y, w, h = max(faces, key=lambda face: face[2] * face[3])
        crop = cv2.resize(grey[y : y + h, x : x + w], (INPUT_SIZE, INPUT_SIZE))
        self._network.setInput(cv2.dnn.blobFromImage(crop.astype(np.float32)))
        scores = self._network.forward().ravel()
        answer = Expression(header=message.header, expression=str(int(np.argmax(scores))))
        self._publisher.publish(answer)


def main() -> int:
    """Run the node on one thread until SIGINT."""
    cv2.setNumThreads(1)
    rclpy.init()
    node = UsualPipeline()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
