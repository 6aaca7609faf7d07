r"""Four doubles at once, written out for the compiler.

A loop over short arrays that a compiler turns into vectors compares the addresses of all of them
first, which for ten elements takes longer than the loop. Here all is read before anything is
stored, so that nothing needs to be compared.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

FOUR = np.uint64(4)
LANES = 4  # doubles that a vector unit takes at once


@intrinsic
def _four_of_series(
    typingctx: Any, up: Any, loss: Any, x: Any, y: Any, c: Any, i: Any, step: Any, factor: Any
) -> Any:
    signature = types.void(up, loss, x, y, c, i, step, factor)
    vector = ir.VectorType(ir.DoubleType(), LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = [
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(signature.args[:5], args[:5], strict=True)
        ]
        place, apart, scale = args[5:]
        before, behind = builder.sub(place, apart), builder.add(place, apart)

        def pointer(of: Any, at: Any) -> Any:
            return builder.bitcast(builder.gep(of, [at]), ir.PointerType(vector))

        def load(of: Any, at: Any) -> Any:
            found = builder.load(pointer(of, at))
            found.align = 8
            return found

        def store(value: Any, of: Any, at: Any) -> None:
            builder.store(value, pointer(of, at)).align = 8

        of_up, of_loss, of_x, of_y, of_c = data
        scales = ir.Constant(vector, ir.Undefined)
        for lane in range(LANES):
            scales = builder.insert_element(scales, scale, ir.Constant(ir.IntType(32), lane))
        gained = builder.fmul(load(of_up, before), load(of_x, before))
        given = builder.fmul(load(of_up, place), load(of_x, behind))
        lost = builder.fmul(load(of_loss, place), load(of_x, place))
        term = builder.fsub(builder.fsub(gained, given), lost)
        term = builder.fmul(scales, term)
        total = builder.fadd(load(of_c, place), term)
        store(term, of_y, place)
        store(total, of_c, place)
        return context.get_dummy_value()

    return signature, codegen


def add_four(up: Any, loss: Any, x: Any, y: Any, c: Any, i: Any, step: Any, factor: Any) -> None:
    """Elements i ... i + 3 of y = factor (up[i - step] x[i - step] - up x[i + step] - loss x).

    They are added to c as well. Inside kernels; indices unsigned.
    """


@overload(add_four, inline="always")
def _add_four(up: Any, loss: Any, x: Any, y: Any, c: Any, i: Any, step: Any, factor: Any) -> Any:
    if x.dtype == types.float64:

        def of_real(
            up: Any, loss: Any, x: Any, y: Any, c: Any, i: Any, step: Any, factor: Any
        ) -> None:
            _four_of_series(up, loss, x, y, c, i, step, factor)

        return of_real

    def of_complex(
        up: Any, loss: Any, x: Any, y: Any, c: Any, i: Any, step: Any, factor: Any
    ) -> None:
        for e in range(i, i + FOUR):
            term = up[e - step] * x[e - step] - up[e] * x[e + step] - loss[e] * x[e]
            y[e] = factor * term
            c[e] += factor * term

    return of_complex
