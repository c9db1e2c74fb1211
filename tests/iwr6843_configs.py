"""Configurations for an emulated IWR6843, of our own making."""

from __future__ import annotations

from faceedge.simulation.devices.iwr6843_cli import CommandLine
from faceedge.simulation.devices.iwr6843_configuration import Configuration, Subframe

NEAR = """\
sensorStop
flushCfg
dfeDataOutputMode 1
channelCfg 15 5 0
adcCfg 2 1
adcbufCfg -1 0 1 1 1
profileCfg 0 60.0 20 6 42 0 0 90 1 64 2000 0 0 30
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
frameCfg 0 1 16 0 100 1 0
lowPower 0 0
guiMonitor -1 1 1 0 0 0 1
cfarCfg -1 0 2 8 4 3 0 15 1
cfarCfg -1 1 0 4 2 3 1 15 1
multiObjBeamForming -1 1 0.5
clutterRemoval -1 0
calibDcRangeSig -1 0 -5 8 256
extendedMaxVelocity -1 0
lvdsStreamCfg -1 0 0 0
compRangeBiasAndRxChanPhase 0.0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0
measureRangeBiasAndRxChanPhase 0 1.5 0.2
CQRxSatMonitor 0 3 5 121 0
CQSigImgMonitor 0 63 4
analogMonitor 0 0
aoaFovCfg -1 -90 90 -90 90
cfarFovCfg -1 0 0.0 3.0
cfarFovCfg -1 1 -20 20
calibData 0 0 0
"""
"""64 range bins of 5.2 cm, 16 Doppler bins of 1.26 m/s; all that a start needs, but ``sensorStart`` itself."""


def lines(**changes: str) -> list[str]:
    """The commands of ``NEAR``; ``name="arguments"`` gives a command other arguments, ``name=""`` leaves it out."""
    out = []
    for line in NEAR.splitlines():
        name = line.split()[0]
        if name not in changes:
            out.append(line)
        elif changes[name]:
            out.append(f"{name} {changes[name]}")
    return out


class Console:
    """A console without a port, and what it started."""

    def __init__(self, version: tuple[int, int, int, int] = (3, 5, 0, 4)) -> None:
        self.running: list[Configuration] = []
        self.stops = 0
        self.line = CommandLine(lambda what, _: self.running.append(what), self._stopped, version=version)
        self.line.power_on()

    def _stopped(self) -> None:
        self.stops += 1

    def __call__(self, text: str) -> str:
        return b"".join(answer for _, answer in self.line.feed(text.encode("latin-1"))).decode("latin-1")

    def configure(self, **changes: str) -> None:
        for line in lines(**changes):
            assert "Error" not in self(line + "\n"), line

    def start(self) -> Configuration:
        assert "Done" in self("sensorStart\n")
        return self.running[-1]


def configured(**changes: str) -> Subframe:
    console = Console()
    console.configure(**changes)
    return console.start().subframes[0]
