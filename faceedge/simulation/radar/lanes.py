"""Sixteen floats at a time: the innermost step of `tones`, for which the compiler finds no vector instructions itself.

Loops of a fixed short length are unrolled before the compiler looks for vectors, and it cannot prove afterwards that
the arrays do not overlap. So this one is written in LLVM's own vectors, which every processor has in some width.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

CELLS = 8
TONE = 16
"""Eight chirps, real parts before imaginary ones."""


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def add_tone(
    typing: Any, grid: Any, start: Any, table: Any, row: Any, share: Any, last: Any, rest: Any, tone: Any
) -> Any:
    """Add a tone to `CELLS` cells, with weights that go linearly over its eight chirps from one entry of a table to
    another: ``add_tone(grid, start, table, row, share, last, rest, tone)``. No bounds are checked.

    Args:
        grid: (..., cell, 16) float32, C order.
        start: of the first cell's first float, in ``grid`` as one row.
        table: (entry, 8) float32, C order.
        row, share: entry at the first chirp, and how much of the next one.
        last, rest: the same, eight chirps later.
        tone: (16,) float32.
    """
    signature = types.void(grid, types.intp, table, types.intp, types.float32, types.intp, types.float32, tone)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        grid, start, table, row, share, last, rest, tone = arguments
        pointers = [_data(context, builder, signature.args[number], arguments[number]) for number in (0, 2, 7)]
        grid, table, tone = pointers
        first = _entry(builder, table, row, share)
        change = builder.fsub(_entry(builder, table, last, rest), first)
        slope = builder.fmul(change, _all(builder, ir.Constant(ir.FloatType(), 1 / 8), CELLS))
        ramp = ir.Constant(ir.VectorType(ir.FloatType(), TONE), [float(number % 8) for number in range(TONE)])
        tones = _load(builder, tone, _index(0), TONE)
        for cell in range(CELLS):
            lane = ir.Constant(ir.IntType(32), cell)
            steps = builder.fmul(_all(builder, builder.extract_element(slope, lane), TONE), ramp, flags=("fast",))
            weight = builder.fadd(_all(builder, builder.extract_element(first, lane), TONE), steps, flags=("fast",))
            place = builder.add(start, _index(cell * TONE))
            before = _load(builder, grid, place, TONE)
            more = builder.fmul(weight, tones, flags=("fast",))
            _store(builder, builder.fadd(before, more, flags=("fast",)), grid, place)
        return context.get_dummy_value()

    return signature, generate


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.make_array(kind)(context, builder, value).data


def _index(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


def _all(builder: Any, scalar: Any, count: int) -> Any:
    """A vector with the scalar in each place."""
    kind = ir.VectorType(ir.FloatType(), count)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), zeros)


def _load(builder: Any, pointer: Any, place: Any, count: int) -> Any:
    kind = ir.VectorType(ir.FloatType(), count)
    loaded = builder.load(builder.bitcast(builder.gep(pointer, [place]), kind.as_pointer()))
    loaded.align = 4
    return loaded


def _store(builder: Any, value: Any, pointer: Any, place: Any) -> None:
    stored = builder.store(value, builder.bitcast(builder.gep(pointer, [place]), value.type.as_pointer()))
    stored.align = 4


def _entry(builder: Any, table: Any, row: Any, share: Any) -> Any:
    """Eight weights between an entry of the table and the next."""
    place = builder.mul(row, _index(CELLS))
    low = _load(builder, table, place, CELLS)
    high = _load(builder, table, builder.add(place, _index(CELLS)), CELLS)
    return builder.fadd(low, builder.fmul(_all(builder, share, CELLS), builder.fsub(high, low)))
