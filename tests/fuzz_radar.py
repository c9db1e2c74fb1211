"""Fuzz targets of everything that reads a radar's bytes: packets, bridge messages, samples, console, chirp files.

    python tests/fuzz_radar.py packets -atheris_runs=1000000     # coverage-guided, needs atheris; libFuzzer's options
    python tests/fuzz_radar.py packets --inputs 1000000          # mutated good input; watches time and memory as well

An input may only lead to success or to a FaceedgeError; beyond that each target checks what must always hold, for
example that the cuts of a stream change nothing and that every byte is accounted for.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import random
import resource
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ti_packets as ti

from faceedge.errors import FaceedgeError

SLOWEST_S = 1.0
RSS_GROWTH_MIB = 16.0
TRACED_GROWTH_KIB = 256.0
LONGEST_INPUT = 4096
MODULES = ("faceedge.radar", "faceedge.events")
CHIRP_JSON = (
    b'{"device": "iwr6843", "start_frequency_hz": 60e9, "end_frequency_hz": 64e9, "slope_hz_per_s": 160e12,'
    b'"samples_per_chirp": 64, "sample_rate_hz": 3e6, "chirps_per_frame": 16, "chirp_period_s": 0.0009,'
    b'"frame_period_s": 0.05, "rx_antennas": [1, 2], "tx_antennas": [1], "complex_sampling": true,'
    b'"tx_power_level": 31, "if_gain_db": 30.0, "high_pass_hz": 175e3, "low_pass_hz": 2.7e6}'
)
CONSOLE = b"frameCfg 0 2 16 0 50 1 0\r\nIgnored: Sensor is already stopped\n\rDone\n\rmmwDemo:/>"
CONFIGURATIONS = Path(__file__).resolve().parents[1] / "firmware_configs"


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads bytes.

    Attributes:
        run: reads an input; returns how many things it found in it. Raises AssertionError when something does not hold;
            warnings are errors.
        seeds: good inputs.
        words: what mutations insert.
    """

    run: Callable[[bytes], int]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


def cuts_of(data: bytes) -> list[bytes]:
    """Pieces of a stream, of lengths that follow from its first and last bytes."""
    steps = [1 + byte % 97 for byte in data[:3] + data[-3:]] or [1]
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        step = steps[len(pieces) % len(steps)]
        pieces.append(data[at : at + step])
        at += step
    return pieces


def packets() -> Target:
    """The data port of an IWR6843."""
    from faceedge.radar import iwr6843_decode as decode
    from faceedge.radar.iwr6843_packets import PacketStream

    shape = decode.Shape(4, 4, 8)
    decoders: tuple[Callable[..., object], ...] = (
        lambda packet, _: decode.points(packet),
        decode.range_profile_db,
        decode.noise_profile_db,
        decode.range_doppler,
        decode.heat_map,
    )

    def run(data: bytes) -> int:
        whole, cut = PacketStream(), PacketStream()
        found = whole.feed(data) + whole.finish()
        again = [packet for piece in cuts_of(data) for packet in cut.feed(piece)] + cut.finish()
        places = [(packet.offset, packet.data) for packet in found]
        assert places == [(packet.offset, packet.data) for packet in again], "the cuts make a difference"
        for packet in found:
            assert data[packet.offset :][: len(packet.data)] == packet.data, "a packet is not what came"
            decode.statistics(packet), decode.temperature_c(packet)
            for decoder in decoders:
                with contextlib.suppress(FaceedgeError):
                    decoder(packet, shape)
        counters = whole.counters
        given = sum(len(packet.data) for packet in found)
        assert counters.bytes_received == len(data)
        assert counters.cut_short or given + counters.bytes_skipped == len(data), "bytes are unaccounted for"
        assert whole.buffered == 0
        assert len(whole.take_problems()) < 40
        return len(found)

    image = ti.packet(3, ti.words(5, range(16)), ti.statistics(), ti.temperature())
    heat = ti.packet(4, ti.words(3, [1] * 4), ti.tlv(4, bytes(32)), ti.tlv(8, bytes(64)))
    seeds = (ti.usual(1, 2, 4) + ti.usual(2, 0, 4), image + ti.usual(4, 1, 4), heat, ti.packet(5, extra=bytes(4)))
    return Target(run, seeds, (ti.MAGIC, ti.usual(9)[:40], ti.statistics(), b"\xff\xff\xff\x7f", ti.usual(7, 0, 0)))


def bridge() -> Target:
    """Messages of the serial bridge."""
    from faceedge.radar.bridge_protocol import MAGIC, Decoder, Kind, encode

    def run(data: bytes) -> int:
        whole, cut = Decoder(), Decoder()
        found = whole.feed(data)
        again = [message for piece in cuts_of(data) for message in cut.feed(piece)]
        assert found == again, "the cuts make a difference"
        assert (whole.skipped, whole.pending) == (cut.skipped, cut.pending), "the cuts make a difference to the counts"
        sizes = 0
        for message in found:
            original = encode(
                message.kind,
                message.payload,
                status=message.status,
                sequence=message.sequence,
                time_us=message.time_us,
            )
            assert original in data, "a message is not what came"
            sizes += len(original)
        assert sizes + whole.skipped + whole.pending == len(data), "bytes are unaccounted for"
        return len(found)

    hello = encode(Kind.HELLO, b"\1", sequence=1)
    block = encode(Kind.BLOCK, bytes(range(96)), status=3, sequence=7, time_us=1 << 33)
    lost = encode(Kind.LOST, b"\2\0\0\0", sequence=8, time_us=5)
    error = encode(Kind.ERROR, b"no radar", status=4, sequence=9)
    return Target(run, (hello + block + lost, block + block, error + hello), (MAGIC, MAGIC + b"\x90\0\0\0\0\x60", lost))


def samples() -> Target:
    """Words of the BGT60TR13C's FIFO."""
    from faceedge.radar.bgt60_samples import pack, unpack

    def run(data: bytes) -> int:
        found = unpack(data)
        assert len(found) * 3 == len(data) * 2
        assert not len(found) or int(found.max()) <= 4095
        assert pack(found) == data
        return len(found)

    return Target(run, (bytes(range(96)), b"", b"\xff" * 3))


def console() -> Target:
    """Answers of an IWR6843's console."""
    from faceedge.radar.iwr6843_cli import complete, read_answer

    def run(data: bytes) -> int:
        answer = read_answer(data, "frameCfg 0 2 16 0 50 1 0")
        assert "\n" not in answer.text
        assert not (answer.done and "Error" in answer.text.split(" / "))
        return 1 + complete(data)

    banner = b"*" * 42 + b"\n\rxWR68xx MMW Demo 03.05.00.04\n\r" + b"*" * 42 + b"\n\rmmwDemo:/>"
    refused = b"frameCfg 0\nError: Invalid usage of the CLI command\n\rError -1\n\rmmwDemo:/>"
    unknown = b"'fameCfg' is not recognized as a CLI command\n\rmmwDemo:/>"
    return Target(run, (CONSOLE, banner, refused, unknown), (b"\r", b"\n", b"Done", b"Error", b"mmwDemo:/>", b"'"))


def ti_configuration() -> Target:
    """TI's cfg files."""
    from faceedge.radar.chirp import from_json, summary, to_json
    from faceedge.radar.chirp_limits import check_limits
    from faceedge.radar.ti_cfg import parse

    def run(data: bytes) -> int:
        configuration = parse(data.decode("latin-1"))
        assert parse(configuration.text()) == configuration
        chirp = configuration.chirp
        check_limits(chirp)
        assert summary(chirp)["device"] == "iwr6843"
        assert from_json(to_json(chirp)) == chirp
        return len(configuration.commands)

    seeds = tuple(path.read_bytes() for path in sorted(CONFIGURATIONS.glob("*.cfg")))
    return Target(run, seeds, (b"profileCfg ", b"1e308", b"-1", b"nan", b"0x", b"\n", b" ", b"99999999999999"))


def infineon_configuration() -> Target:
    """Infineon's JSON files."""
    from faceedge.radar.chirp import from_json, to_json
    from faceedge.radar.chirp_limits import check_limits
    from faceedge.radar.infineon_json import read

    def run(data: bytes) -> int:
        chirp = read(data.decode("latin-1"))
        check_limits(chirp)
        assert from_json(to_json(chirp)) == chirp
        return 1

    seeds = tuple(path.read_bytes() for path in sorted(CONFIGURATIONS.glob("*.json")))
    return Target(run, seeds, (b"null", b"1e999", b"[]", b"{}", b"-1", b"true", b'"', b"[" * 2000))


def chirp_settings() -> Target:
    """Our own JSON of chirp settings."""
    from faceedge.radar.chirp import from_json, to_json

    def run(data: bytes) -> int:
        chirp = from_json(data.decode("latin-1"))
        assert from_json(to_json(chirp)) == chirp
        return 1

    return Target(run, (CHIRP_JSON,), (b"null", b"1e999", b"[]", b"{}", b"-1", b"true", b'"', b"NaN"))


TARGETS: dict[str, Callable[[], Target]] = {
    "packets": packets,
    "bridge": bridge,
    "samples": samples,
    "console": console,
    "cfg": ti_configuration,
    "infineon": infineon_configuration,
    "chirp": chirp_settings,
}


def one_input(target: Target, data: bytes) -> int:
    """What was found in an input; 0 when it was refused with a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return target.run(data)
    except FaceedgeError as error:
        if not str(error).strip():
            raise AssertionError("an error without a sentence") from error
        return 0


def mutate(target: Target, rng: random.Random) -> bytes:
    """A good input with a few edits, now and then spliced with another one or replaced by noise."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(300))
    data = bytearray(rng.choice(target.seeds))
    if rng.random() < 0.2:
        other = rng.choice(target.seeds)
        data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.randrange(6)):
        at, kind = rng.randrange(len(data) + 1), rng.randrange(6)
        if kind == 0:
            del data[at : at + rng.randrange(1, 60)]
        elif kind == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 2 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 60)]
        elif kind == 4 and target.words:
            data[at:at] = rng.choice(target.words)
        elif kind == 5:
            data[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", rng.randbytes(4)))
    return bytes(data[:LONGEST_INPUT])


def rss_mib() -> float:
    """Memory of this process now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


@dataclass(slots=True)
class Totals:
    """What a run came to."""

    inputs: int = 0
    bytes: int = 0
    found: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    rss_growth_mib: float = 0.0
    traced_growth_kib: float = 0.0
    seconds: float = 0.0

    def problems(self) -> list[str]:
        """What exceeds its limit."""
        limits = (
            (self.slowest_s, SLOWEST_S, "s for one input"),
            (self.rss_growth_mib, RSS_GROWTH_MIB, "MiB more memory"),
            (self.traced_growth_kib, TRACED_GROWTH_KIB, "KiB more traced memory"),
        )
        return [f"{value:.2f} {what}, at most {limit:g} expected" for value, limit, what in limits if value > limit]


def run_inputs(name: str, inputs: int, seed: int, targets: dict[str, Callable[[], Target]] | None = None) -> Totals:
    """Give ``inputs`` mutated inputs to a target. The last tenth is traced, so that a small leak shows."""
    target, rng, totals = (targets or TARGETS)[name](), random.Random(seed), Totals()
    started = time.monotonic()
    rss_before = traced_before = 0.0
    traced_from = inputs - inputs // 10
    for index in range(inputs):
        if index == inputs // 10:
            gc.collect()
            rss_before = rss_mib()
        if index == traced_from:
            gc.collect()
            totals.rss_growth_mib = rss_mib() - rss_before
            tracemalloc.start()
        if index == traced_from + inputs // 100:
            gc.collect()
            traced_before = tracemalloc.get_traced_memory()[0]
        data = mutate(target, rng)
        before = time.process_time()  # not what other programs take
        try:
            found = one_input(target, data)
        except BaseException:
            print(f"target {name}, seed {seed}, input {index}: {data!r}", file=sys.stderr)
            raise
        totals.slowest_s = max(totals.slowest_s, time.process_time() - before)
        totals.inputs += 1
        totals.bytes += len(data)
        totals.found += found
        totals.refused += found == 0
    gc.collect()
    totals.traced_growth_kib = (tracemalloc.get_traced_memory()[0] - traced_before) / 1024
    tracemalloc.stop()
    totals.seconds = time.monotonic() - started
    return totals


def run_atheris(name: str, options: list[str], targets: dict[str, Callable[[], Target]]) -> int:
    """Coverage-guided; does not return when it has run its course."""
    try:
        import atheris
    except ImportError:
        print("atheris is not installed; `pip install atheris`, or use --inputs.", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=list(MODULES)):
        target = targets[name]()
    with tempfile.TemporaryDirectory() as corpus:
        for index, data in enumerate(target.seeds):
            (Path(corpus) / f"seed{index}").write_bytes(data)
        atheris.Setup(
            [f"fuzz_radar {name}", f"-max_len={LONGEST_INPUT}", *options, corpus], lambda data: one_input(target, data)
        )
        atheris.Fuzz()
    return 0


def main(targets: dict[str, Callable[[], Target]] = TARGETS) -> int:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("target", choices=targets)
    parser.add_argument("--inputs", type=int, help="without atheris: so many mutated inputs")
    parser.add_argument("--seed", type=int, default=1)
    args, options = parser.parse_known_args()
    if args.inputs is None:
        return run_atheris(args.target, options, targets)
    totals = run_inputs(args.target, args.inputs, args.seed, targets)
    print(
        f"{args.target}: {totals.inputs:,} inputs, {totals.bytes:,} bytes in {totals.seconds:.0f} s, seed {args.seed}; "
        f"{totals.found:,} found, {totals.refused:,} inputs with nothing; slowest {totals.slowest_s * 1e3:.1f} ms; "
        f"memory {totals.rss_growth_mib:+.2f} MiB resident, {totals.traced_growth_kib:+.1f} KiB traced"
    )
    for problem in totals.problems():
        print(problem, file=sys.stderr)
    return 1 if totals.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
