"""Camera sources: Raspberry Pi camera, V4L2 device, video file, folder of pictures.

>>> source = open_source(SourceSettings(kind="video", path="clip.mp4"))  # doctest: +SKIP
>>> frame = source.read(timeout_s=1.0)  # doctest: +SKIP
"""

from __future__ import annotations

from faceedge.camera.source_base import KINDS, Source, SourceSettings

__all__ = ["KINDS", "Source", "SourceSettings", "make_source", "open_source"]


def make_source(settings: SourceSettings) -> Source:
    """The source that ``settings`` describe, not opened yet; what it needs is imported only now."""
    if settings.kind == "picamera2":
        from faceedge.camera.source_picamera2 import Picamera2Source

        return Picamera2Source(settings)
    if settings.kind == "v4l2":
        from faceedge.camera.source_v4l2 import V4l2Source

        return V4l2Source(settings)
    if settings.kind == "video":
        from faceedge.camera.source_video import VideoSource

        return VideoSource(settings)
    from faceedge.camera.source_images import ImagesSource

    return ImagesSource(settings)


def open_source(settings: SourceSettings) -> Source:
    """``make_source`` and ``open()`` in one; raises what ``Source.open`` raises."""
    source = make_source(settings)
    source.open()
    return source
