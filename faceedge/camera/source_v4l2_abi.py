"""The part of the kernel's V4L2 interface that a capture needs: structures, request numbers, and the system calls.

Names, order and types follow ``linux/videodev2.h`` (API version 2, single-planar); a test compares sizes and request
numbers with those of the header. The interface is stable kernel ABI, so no library stands in between, and what OpenCV's
capture hides is kept: the buffer's time stamp, its sequence number, and the error that says why.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import select
from ctypes import c_char, c_int32, c_uint8, c_uint32, c_ulong
from typing import Protocol

BUF_TYPE_VIDEO_CAPTURE = 1
MEMORY_MMAP = 1
FIELD_ANY = 0
CAP_VIDEO_CAPTURE = 0x0000_0001
CAP_STREAMING = 0x0400_0000
CAP_DEVICE_CAPS = 0x8000_0000
CAP_TIMEPERFRAME = 0x0000_1000
BUF_FLAG_ERROR = 0x0000_0040
BUF_FLAG_TIMESTAMP_MASK = 0x0000_E000
BUF_FLAG_TIMESTAMP_MONOTONIC = 0x0000_2000


class Capability(ctypes.Structure):
    """struct v4l2_capability"""

    _fields_ = [
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class PixFormat(ctypes.Structure):
    """struct v4l2_pix_format"""

    _fields_ = [
        (name, c_uint32)
        for name in (
            "width",
            "height",
            "pixelformat",
            "field",
            "bytesperline",
            "sizeimage",
            "colorspace",
            "priv",
            "flags",
            "ycbcr_enc",
            "quantization",
            "xfer_func",
        )
    ]


class _FormatUnion(ctypes.Union):
    # The union's largest members hold pointers, so it is aligned as a pointer is.
    _fields_ = [("pix", PixFormat), ("raw_data", c_uint8 * 200), ("_align", ctypes.c_void_p)]


class Format(ctypes.Structure):
    """struct v4l2_format"""

    _fields_ = [("type", c_uint32), ("fmt", _FormatUnion)]


class Fract(ctypes.Structure):
    """struct v4l2_fract"""

    _fields_ = [("numerator", c_uint32), ("denominator", c_uint32)]


class CaptureParm(ctypes.Structure):
    """struct v4l2_captureparm"""

    _fields_ = [
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("timeperframe", Fract),
        ("extendedmode", c_uint32),
        ("readbuffers", c_uint32),
        ("reserved", c_uint32 * 4),
    ]


class _ParmUnion(ctypes.Union):
    _fields_ = [("capture", CaptureParm), ("raw_data", c_uint8 * 200)]


class StreamParm(ctypes.Structure):
    """struct v4l2_streamparm"""

    _fields_ = [("type", c_uint32), ("parm", _ParmUnion)]


class RequestBuffers(ctypes.Structure):
    """struct v4l2_requestbuffers"""

    _fields_ = [
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags_reserved", c_uint32),
    ]


class _Timeval(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long)]


class _Timecode(ctypes.Structure):
    _fields_ = [("type", c_uint32), ("flags", c_uint32), ("frames_to_userbits", c_uint8 * 8)]


class _MemoryUnion(ctypes.Union):
    _fields_ = [("offset", c_uint32), ("userptr", c_ulong), ("planes", ctypes.c_void_p), ("fd", c_int32)]


class Buffer(ctypes.Structure):
    """struct v4l2_buffer"""

    _fields_ = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("timestamp", _Timeval),
        ("timecode", _Timecode),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _MemoryUnion),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    ]


def _request(direction: int, number: int, size: int) -> int:
    """The ``_IOC`` macro of asm-generic/ioctl.h for type 'V' (the layout of x86, Arm and RISC-V)."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


_WRITE, _READ = 1, 2
QUERYCAP = _request(_READ, 0, ctypes.sizeof(Capability))
G_FMT = _request(_READ | _WRITE, 4, ctypes.sizeof(Format))
S_FMT = _request(_READ | _WRITE, 5, ctypes.sizeof(Format))
REQBUFS = _request(_READ | _WRITE, 8, ctypes.sizeof(RequestBuffers))
QUERYBUF = _request(_READ | _WRITE, 9, ctypes.sizeof(Buffer))
QBUF = _request(_READ | _WRITE, 15, ctypes.sizeof(Buffer))
DQBUF = _request(_READ | _WRITE, 17, ctypes.sizeof(Buffer))
STREAMON = _request(_WRITE, 18, ctypes.sizeof(ctypes.c_int))
STREAMOFF = _request(_WRITE, 19, ctypes.sizeof(ctypes.c_int))
S_PARM = _request(_READ | _WRITE, 22, ctypes.sizeof(StreamParm))


def fourcc(code: str) -> int:
    """Four characters as the kernel's number: ``fourcc("YUYV")`` is 0x56595559."""
    return int.from_bytes(code.encode("ascii"), "little")


def fourcc_text(number: int) -> str:
    """The kernel's number as four characters; what does not print becomes a question mark."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in number.to_bytes(4, "little"))


class Kernel(Protocol):
    """The system calls of a capture; a test puts its own device behind them. All raise OSError."""

    def open(self, path: str) -> int:
        """File descriptor of the device."""
        ...

    def ioctl(self, fd: int, request: int, argument: ctypes.Structure | ctypes.c_int) -> None:
        """One request; ``argument`` is read and written."""
        ...

    def map(self, fd: int, length: int, offset: int) -> mmap.mmap | bytearray:
        """Memory of one buffer."""
        ...

    def wait(self, fd: int, timeout_s: float) -> bool:
        """Whether a buffer is ready, or the device has something to complain about, within ``timeout_s``."""
        ...

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        ...


class LinuxKernel:
    """The real system calls."""

    def open(self, path: str) -> int:
        """See `Kernel.open`."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def ioctl(self, fd: int, request: int, argument: ctypes.Structure | ctypes.c_int) -> None:
        """See `Kernel.ioctl`."""
        fcntl.ioctl(fd, request, argument, True)

    def map(self, fd: int, length: int, offset: int) -> mmap.mmap:
        """See `Kernel.map`."""
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def wait(self, fd: int, timeout_s: float) -> bool:
        """See `Kernel.wait`."""
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        return bool(poller.poll(max(0.0, timeout_s) * 1000))

    def close(self, fd: int) -> None:
        """See `Kernel.close`."""
        os.close(fd)
