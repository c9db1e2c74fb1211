"""Errors that a person can act on.

Every message is one sentence (or two) that says what was expected, what came, and what to do. A node turns them into a
failed transition or a diagnostics line; the command line prints them without a traceback and exits with 1.
"""


class FaceedgeError(Exception):
    """Base of every error that faceedge raises on purpose."""


class ConfigurationError(FaceedgeError):
    """A parameter, parameter file or calibration file is wrong."""


class InputError(FaceedgeError):
    """A frame, file or message from outside is not what it should be."""


class ModelError(FaceedgeError):
    """A model file or its card is missing, corrupt, or does not fit its task."""


class DeviceError(FaceedgeError):
    """A device is absent, busy, forbidden, or went away."""


def one_line(error: BaseException, most: int = 200) -> str:
    """What an error of a library says, as a part of a sentence: on one line, at most so many characters."""
    return " ".join(str(error).split())[:most] or type(error).__name__
