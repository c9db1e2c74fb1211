"""The body part: a frozen network that encodes and decodes the two images of a face frame.

One encoder and one decoder for each image, in the form of HOOD (S. M. Kahya et al., IEEE Sensors Journal 2024,
arXiv:2308.02396). What comes out for a one-class model is what FOODER (arXiv:2512.18057) looks at: the features at the
ends of the encoders, the features before the last layer of each decoder, and how badly each image was reproduced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError, ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model, find_model

IMAGE_SHAPE = (2, 64, 64)
"""Range-Doppler with moving target indication, and micro range-Doppler; range bins, Doppler bins."""
BODY_FEATURES = 4
MODEL_NAME = "radar_body_part"


@dataclass(frozen=True, slots=True)
class BodyPartOutput:
    """What is known of one frame. Lives in memory only: these numbers are of a person.

    Attributes:
        features: float32 vectors: end of the encoder of the range-Doppler image and of the micro range-Doppler image,
            then the map before the last layer of the decoder of each, averaged over squares of pixels. A caller may add
            further ones, such as `look_spectrum.LookSpectrum` computes.
        errors: (2,) float32, mean squared error of each reproduced image.
    """

    features: tuple[np.ndarray, ...]
    errors: np.ndarray

    def with_feature(self, feature: np.ndarray) -> BodyPartOutput:
        """The same with one more vector behind the others."""
        return BodyPartOutput((*self.features, feature), self.errors)


class BodyPart:
    """Runs the network.

    Args:
        model: the verified file and its card; None takes the shipped one.
        threads: of the interpreter.
        runtime: see `Interpreter`.

    Raises:
        ModelError: the file is not a body part.
    """

    def __init__(self, model: Model | None = None, *, threads: int = 1, runtime: str = "auto") -> None:
        model = find_model(MODEL_NAME) if model is None else model
        self.model = model
        self._interpreter = Interpreter(model.path, threads=threads, runtime=runtime)
        _, rows, columns = IMAGE_SHAPE
        picture = (1, rows, columns, 2)
        shapes = self._interpreter.output_shapes
        vectors = sorted((shape, place) for place, shape in enumerate(shapes) if shape != picture)
        sizes = [shape[1] for shape, _ in vectors if len(shape) == 2 and shape[0] == 1 and shape[1] % 2 == 0]
        if self._interpreter.input_shapes != [picture] or len(shapes) != 3 or len(sizes) != 2 or sizes[0] == sizes[1]:
            raise ModelError(
                f"{model.path}: expected a body part with input {picture} and as outputs the picture, features of the "
                f"encoders and longer ones of the decoders; it has {self._interpreter.input_shapes} and {shapes}."
            )
        self._vectors = [place for _, place in vectors]
        self._picture = next(place for place, shape in enumerate(shapes) if shape == picture)

    def __call__(self, images: np.ndarray) -> BodyPartOutput:
        """Encode and decode one frame's images (2, 64, 64) float32, 0 to 1.

        Raises:
            InputError: an array of another shape.
        """
        if images.shape != IMAGE_SHAPE:
            raise InputError(f"expected images of shape {IMAGE_SHAPE}, got {images.shape}")
        picture = np.ascontiguousarray(images.transpose(1, 2, 0), np.float32)
        outputs = self._interpreter.run(picture[None])
        # The encoders' vectors are the shorter ones; in each, one half belongs to each image.
        features = [half for place in self._vectors for half in np.split(outputs[place][0], 2)]
        difference = outputs[self._picture][0] - picture
        return BodyPartOutput(tuple(features), np.einsum("rdi,rdi->i", difference, difference) / picture[..., 0].size)
