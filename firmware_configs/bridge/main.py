"""Bridge between a BGT60TR13C on SPI and a host on USB: MicroPython on an RP2040 board, file `main.py`.

The messages are described in docs/radar_bridge.md. Nothing is interpreted here: the host does the registers, this
program moves bytes, stamps the interrupt line and reads the FIFO when it rises.
"""

import array
import binascii
import select
import struct
import sys
import time

import machine
import micropython

NAME = b"BGT60TR13C bridge on RP2040"
SPI_ID, SPI_HZ = 0, 20_000_000
PIN_SCK, PIN_MOSI, PIN_MISO, PIN_CS = 18, 19, 16, 17
PIN_RESET, PIN_IRQ = 20, 21

VERSION = 1
MAGIC = b"\xfa\xce"
HEADER = "<2sBBHHQ"  # magic, type, status, sequence, payload length, time in us
HEADER_BYTES, CHECKSUM_BYTES = 16, 4
MAX_PAYLOAD = 24576
WORD_BYTES = 3
HELLO, RESET, TRANSFER, START, STOP, TIME = 1, 2, 3, 4, 5, 6
REPLY, ERROR, BLOCK, LOST = 0x80, 0x7F, 0x90, 0x91
UNKNOWN_TYPE, BAD_LENGTH, BUSY_STREAMING, RADAR_SILENT = 1, 2, 3, 4
# Request -> smallest and largest payload
LENGTHS = {HELLO: (1, 1), RESET: (0, 0), TRANSFER: (4, 4096), START: (2, 2), STOP: (0, 0), TIME: (0, 0)}
READ_FIFO = b"\xff\xc0\x00\x00"
READ_CHIP_ID = b"\x04\x00\x00\x00"
COMMAND_BYTES = 4
GIVE_UP_MS = 100  # a request that is not continued after so long was cut off
IDLE_MS = 1
LONG_TICKS = 1 << 28  # us, a quarter of the way to the wrap


class Bridge:
    """One radar and one host.

    Args:
        source: bytes from the host, with ``readinto``; poller: says whether there are any.
        sink: bytes to the host, with ``write``.
    """

    def __init__(self, source, sink, poller):
        self.source, self.sink, self.poller = source, sink, poller
        self.cs = machine.Pin(PIN_CS, machine.Pin.OUT, value=1)
        self.reset_pin = machine.Pin(PIN_RESET, machine.Pin.OUT, value=1)
        self.irq = machine.Pin(PIN_IRQ, machine.Pin.IN)
        self.spi = machine.SPI(
            SPI_ID,
            baudrate=SPI_HZ,
            polarity=0,
            phase=0,
            bits=8,
            firstbit=machine.SPI.MSB,
            sck=machine.Pin(PIN_SCK),
            mosi=machine.Pin(PIN_MOSI),
            miso=machine.Pin(PIN_MISO),
        )
        # All buffers that a block needs are made once: the garbage collector would come at the wrong moment.
        self.out = memoryview(bytearray(HEADER_BYTES + MAX_PAYLOAD + CHECKSUM_BYTES))
        self.mosi = memoryview(bytearray(COMMAND_BYTES + MAX_PAYLOAD))
        self.mosi[:COMMAND_BYTES] = READ_FIFO
        self.request = bytearray(HEADER_BYTES + MAX_PAYLOAD + CHECKSUM_BYTES)
        self.received = memoryview(self.request)
        self.have = 0
        self.heard_ms = time.ticks_ms()
        self.words = 0  # of a block; 0: not streaming
        self.sequence = 0
        self.dropped = 0
        self.ticks = time.ticks_us()
        self.now_us = 0
        self.rise = array.array("I", (0, 0))  # ticks of the last rise, and whether it is news
        self.irq.irq(handler=self._risen, trigger=machine.Pin.IRQ_RISING, hard=True)

    def _risen(self, _):
        """Interrupt: nothing here may allocate memory."""
        self.rise[0] = time.ticks_us()
        self.rise[1] = 1

    def _time_us(self, ticks):
        """The 64-bit time of ``ticks``, which wrap after 18 minutes; called more often than that."""
        now = time.ticks_us()
        self.now_us += time.ticks_diff(now, self.ticks)
        self.ticks = now
        return self.now_us + time.ticks_diff(ticks, now)

    def step(self):
        """One block if the radar has one, then the requests that came."""
        ready = self.words and self.irq.value()
        if ready:
            self._send_block()
        if self.poller.poll(0 if ready else IDLE_MS):
            self._receive()
        elif self.have and time.ticks_diff(time.ticks_ms(), self.heard_ms) > GIVE_UP_MS:
            self._search(1)
        if time.ticks_diff(time.ticks_us(), self.ticks) > LONG_TICKS:
            self._time_us(self.ticks)

    # Requests

    def _receive(self):
        while True:
            self.source.readinto(self.received[self.have : self.have + 1])
            self.have += 1
            self.heard_ms = time.ticks_ms()
            while self.have and self._complete():
                pass
            if not self.poller.poll(0):
                return

    def _complete(self):
        """Serve the request at the start of the buffer, or drop what is none; whether to look again."""
        if self.request[0] != MAGIC[0] or (self.have > 1 and self.request[1] != MAGIC[1]):
            return self._search(1)
        if self.have < HEADER_BYTES:
            return False
        _, kind, _, sequence, length, _ = struct.unpack_from(HEADER, self.request, 0)
        end = HEADER_BYTES + length
        if length > MAX_PAYLOAD:
            return self._search(2)
        if self.have < end + CHECKSUM_BYTES:
            return False
        if struct.unpack_from("<I", self.request, end)[0] != binascii.crc32(self.received[:end]) & 0xFFFFFFFF:
            return self._search(2)
        self._serve(kind, sequence, self.received[HEADER_BYTES:end])
        return self._search(end + CHECKSUM_BYTES)

    def _search(self, start):
        """Drop the bytes before ``start`` and on to the next possible magic; whether any are left."""
        while start < self.have and self.request[start] != MAGIC[0]:
            start += 1
        left = self.have - start
        self.request[:left] = self.request[start : self.have]
        self.have = left
        return left > 0

    def _serve(self, kind, sequence, payload):
        code, text = self._refusal(kind, len(payload))
        if code == 0 and kind == RESET and not self._reset():
            code, text = RADAR_SILENT, b"the radar does not answer after its reset; check its power and wires"
        if code:
            self._send(ERROR, code, sequence, text)
            return
        length = 0
        if kind == HELLO:
            struct.pack_into("<BH", self.out, HEADER_BYTES, VERSION, MAX_PAYLOAD)
            length = 3 + len(NAME)
            self.out[HEADER_BYTES + 3 : HEADER_BYTES + length] = NAME
        elif kind == TRANSFER:
            length = len(payload)
            self._transfer(payload, self.out[HEADER_BYTES : HEADER_BYTES + length])
        elif kind == START:
            self.words = struct.unpack_from("<H", payload, 0)[0]
            self.sequence = self.dropped = self.rise[1] = 0
        elif kind == STOP:
            self.words = 0
        self._send_frame(kind | REPLY, 0, sequence, length, time.ticks_us())

    def _refusal(self, kind, length):
        """(code, sentence); code 0: served."""
        if kind not in LENGTHS:
            return UNKNOWN_TYPE, b"this request is not known here; is the host's software newer than this program?"
        least, most = LENGTHS[kind]
        if not least <= length <= most:
            return BAD_LENGTH, b"the payload has another length than this request needs"
        if self.words and kind in (RESET, START):
            return BUSY_STREAMING, b"blocks are being sent; stop them first"
        if kind == START:
            words = struct.unpack_from("<H", self.request, HEADER_BYTES)[0]
            if not 1 <= words <= MAX_PAYLOAD // WORD_BYTES:
                return BAD_LENGTH, b"a block has 1 to 8192 words"
        return 0, b""

    # The radar

    def _transfer(self, mosi, miso):
        self.cs.value(0)
        self.spi.write_readinto(mosi, miso)
        self.cs.value(1)

    def _reset(self):
        """Datasheet: 1 ms high, at least 100 ns low, high. Whether the radar drives its status byte after it."""
        for level, pause_ms in ((1, 2), (0, 2), (1, 10)):
            self.reset_pin.value(level)
            time.sleep_ms(pause_ms)
        answer = bytearray(COMMAND_BYTES)
        self._transfer(READ_CHIP_ID, answer)
        return answer[0] & 0xF0 == 0xF0

    def _send_block(self):
        length = self.words * WORD_BYTES
        ticks = self.rise[0] if self.rise[1] else time.ticks_us()
        self.rise[1] = 0  # reading lets the line fall, and perhaps rise again: before the read, then
        # The status and the command's three other bytes land where the end of the header comes afterwards.
        start = HEADER_BYTES - COMMAND_BYTES
        self._transfer(self.mosi[: COMMAND_BYTES + length], self.out[start : HEADER_BYTES + length])
        status, sequence = self.out[start], self.sequence
        self.sequence = (sequence + 1) & 0xFFFF
        if not self._send_frame(BLOCK, status, sequence, length, ticks):
            self.dropped += 1
        elif self.dropped:
            dropped, self.dropped = self.dropped, 0
            self._send(LOST, 0, 0, struct.pack("<I", dropped))

    # To the host

    def _send(self, kind, status, sequence, payload):
        self.out[HEADER_BYTES : HEADER_BYTES + len(payload)] = payload
        self._send_frame(kind, status, sequence, len(payload), time.ticks_us())

    def _send_frame(self, kind, status, sequence, length, ticks):
        """Send the payload that lies in ``out``; False if the host did not take all of it."""
        end = HEADER_BYTES + length
        struct.pack_into(HEADER, self.out, 0, MAGIC, kind, status, sequence, length, self._time_us(ticks))
        struct.pack_into("<I", self.out, end, binascii.crc32(self.out[:end]) & 0xFFFFFFFF)
        count = end + CHECKSUM_BYTES
        written = self.sink.write(self.out[:count])
        return written is None or written == count


def main():
    """Serve for ever."""
    micropython.alloc_emergency_exception_buf(100)
    micropython.kbd_intr(-1)  # a byte 03 is data here, not Ctrl-C
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)
    bridge = Bridge(sys.stdin.buffer, sys.stdout.buffer, poller)
    while True:
        bridge.step()


if __name__ == "__main__":
    main()
