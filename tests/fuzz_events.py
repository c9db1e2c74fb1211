"""Fuzz targets of everything that reads an event camera's bytes: EVT3 streams, RAW headers, AEDAT4's layout.

    python tests/fuzz_events.py evt3 -atheris_runs=1000000      # coverage-guided, needs atheris; libFuzzer's options
    python tests/fuzz_events.py evt3 --inputs 1000000           # mutated good input; watches time and memory as well

What must always hold is checked on the way: the cuts of a stream change nothing, and the decoder agrees with one that
goes word by word.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import fuzz_radar
import numpy as np
import textbook_evt3
from fuzz_radar import Target, cuts_of

WIDTH, HEIGHT = 640, 480


def words(*numbers: int) -> bytes:
    """Bytes of 16-bit words."""
    return struct.pack(f"<{len(numbers)}H", *numbers)


GOOD = words(0x8000, 0x6005, 0x0032, 0x2864, 0x3860, 0x4030, 0x5001, 0x8001, 0x6010, 0x0033, 0x2001, 0xA601, 0xE014)
WRAP = words(0x8FFE, 0x0001, 0x2001, 0x8FFF, 0x6FFF, 0x2002, 0x8000, 0x6001, 0x2003, 0x8001, 0x2004)
DOUBT = words(0x8010, 0x0001, 0x2001, 0x8811, 0x6001, 0x2002, 0x8011, 0x2003, 0x8900, 0x2004, 0x8901, 0x2005)


def evt3() -> Target:
    """A stream of EVT3 words."""
    from faceedge.events.evt3 import Decoder, encode

    def run(data: bytes) -> int:
        whole, cut = Decoder(WIDTH, HEIGHT), Decoder(WIDTH, HEIGHT)
        found = whole.feed(data)
        again = np.concatenate([found[:0], *(cut.feed(piece) for piece in cuts_of(data))])
        assert np.array_equal(found, again), "the cuts make a difference"
        assert whole.counters == cut.counters, "the cuts make a difference to the counts"
        assert np.array_equal(found, textbook_evt3.decode(data, WIDTH, HEIGHT)), "not what the words say"
        assert whole.counters.words * 2 + whole.pending == len(data)
        assert len(found) <= 12 * whole.counters.words
        if len(found) and not whole.clock.jumps:
            once = encode(found)
            back = Decoder(WIDTH, HEIGHT).feed(once)
            back["t"] += found["t"][0] - back["t"][0]
            assert np.array_equal(back, found), "encoding changes events"
        return len(found)

    return Target(run, (GOOD, WRAP, DOUBT), (words(0x8000), words(0x8FFF), words(0x4FFF), words(0x37FF, 0x5FFF)))


def raw_header() -> Target:
    """The header of a RAW file."""
    from faceedge.events.raw_file import parse_header

    def run(data: bytes) -> int:
        header = parse_header(data)
        assert 0 < header.bytes <= len(data)
        assert header.encoding in ("evt2", "evt21", "evt3")
        return len(header.fields)

    new = b"% evt 3.0\n% format EVT3;height=480;width=640\n% geometry 640x480\n% end\n" + GOOD
    old = b"% Date 2020-09-25\n% evt 2.0\n% plugin_name hal_plugin_gen3_fx3\n" + GOOD
    return Target(
        run, (new, old, b"% format EVT21;width=1280;height=720\n% t0 5\n"), (b"\n", b"% ", b"% end\n", b"9" * 30)
    )


def aedat4_file(xml: bytes, packets: bytes = b"") -> bytes:
    """An AEDAT4 file without compression and table: a flatbuffer's vtable, its table, and the description."""
    vtable = struct.pack("<5H", 10, 20, 4, 8, 16)  # its size, the table's, and where the three fields are
    head = struct.pack("<I4s2x", 20, b"IOHE") + vtable
    table = struct.pack("<iiqI", 10, 0, -1, 4)
    body = head + table + struct.pack("<I", len(xml)) + xml + b"\0"
    return b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(body)) + body + packets


def aedat4() -> Target:
    """The header and the packets of an AEDAT4 file, as they are looked at before faery is given them."""
    from faceedge.events.aedat4_layout import check_layout

    def run(data: bytes) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "input.aedat4"
            path.write_bytes(data)
            check_layout(path)
        return 1

    xml = b'<dv version="2.0"><node name="outInfo" path="/"><node name="0" path="/0/"/></node></dv>'
    packet = struct.pack("<ii", 0, 5) + b"12345"
    seeds = (aedat4_file(xml), aedat4_file(xml, packet * 3))
    return Target(run, seeds, (packet, b"\xff\xff\xff\x7f", b"<!ENTITY a 'b'>", b"\xe3\x81", b'name="-1"'))


TARGETS: dict[str, Callable[[], Target]] = {"evt3": evt3, "header": raw_header, "aedat4": aedat4}

if __name__ == "__main__":
    sys.exit(fuzz_radar.main(TARGETS))
