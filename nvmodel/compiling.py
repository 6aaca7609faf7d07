"""How numba compiles kernels here: once each, and without what nobody asks for.

numba optimises every function by itself, its own as well, makes machine code of it, and does both
again with each function that calls it. Here what only kernels call goes, as it was written, into
the kernels that are called from Python; operators are looked up once for arguments of a type.
"""

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

from numba import _dynfunc, types
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import NativeLowering, NopythonTypeInference

OURS = "darkbattery."


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is looked for meanwhile: there is little, and the search takes a tenth."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


class _Flags(Flags):
    """Flags compared as they were set: numba compares all 22 with their defaults, 17,000 times."""

    __slots__ = ()
    _hash = hash(Flags())

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flags) and self._values == other._values


# --- types


_PLAIN = (
    types.Number,
    types.Boolean,
    types.Literal,
    types.Array,
    types.BaseTuple,
    types.RangeType,
    types.RangeIteratorType,
)
_known: dict[_Flags, dict[Any, Any]] = {}


class _Remembering:
    """A typing context that remembers what operators and functions return for plain arguments.

    numba asks for each operation until no type changes any more, and tries all that an operator
    might do each time.
    """

    def __init__(self, context: Any, flags: _Flags) -> None:
        self._context, self._known = context, _known.setdefault(flags.copy(), {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """The signature of a call; what is not numba's own function is asked for each time."""
        kernel = isinstance(func, types.Type) and not isinstance(func, types.Function)
        if kernel or kws or not all(isinstance(one, _PLAIN) for one in args):
            return self._context.resolve_function_type(func, args, kws)
        found = self._known.get((func, args))
        if found is None:
            found = self._context.resolve_function_type(func, args, kws)
            if found is not None:
                self._known[func, args] = found
        return found


@register_pass(mutates_CFG=True, analysis_only=False)
class _Typing(NopythonTypeInference):
    """numba's, asking for each operation once."""

    _name = "typing of a kernel"

    def run_pass(self, state: Any) -> bool:
        context = state.typingctx
        state.typingctx = _Remembering(context, state.flags)
        try:
            return bool(super().run_pass(state))
        finally:
            state.typingctx = context


# --- machine code


class _Code(JITCodeLibrary):
    """The code of a kernel."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """As numba's, but for functions that are only named here: all passes are made for each."""
        ll_module.data_layout = self._codegen._data_layout
        for function in ll_module.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager()
                passes.run(function, builder)


class _OptimisedPart(_Code):
    """Code that goes into that of other kernels, and is not made machine code by itself."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


class _Part(_OptimisedPart):
    """The same, optimised with them only."""

    def _optimize_final_module(self) -> None:
        pass


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    """Of a kernel that is called from Python; other languages do not call it."""

    _name = "lowering of a kernel"

    def run_pass(self, state: Any) -> bool:
        kernel = _Code(state.targetctx.codegen(), state.func_id.func_qualname)
        kernel.enable_object_caching()
        state["library"] = kernel
        state.flags.no_cfunc_wrapper = True
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """Of a function that only kernels call."""

    _name = "lowering of a part"

    def run_pass(self, state: Any) -> bool:
        # sums that may be reordered keep the order that they are given by themselves
        kind = _OptimisedPart if state.flags.fastmath else _Part
        code = kind(state.targetctx.codegen(), state.func_id.func_qualname)
        state["library"] = code
        state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = True
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        # an object to find it by where others are typed; there is nothing to call
        name = lowered.fndesc.qualname.split(".")[-1]
        module, kept = lowered.fndesc.lookup_module(), (code,)
        stands = _dynfunc.make_function(module, name, "", 0, lowered.env, kept)
        state.targetctx.insert_user_function(stands, lowered.fndesc, [code])
        state.reload_init.extend(getattr(code, "_reload_init", ()))  # numba > 0.62
        state["cr"] = lowered._replace(cfunc=stands)
        return True


# --- which function is compiled how


class KernelCompiler(Compiler):
    """Compiles kernels that are called from Python."""

    lowering: Any = _Lowering

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state.flags = _Flags(self.state.flags)

    def compile_extra(self, func: Any) -> Any:
        """A function, to the end."""
        with uncollected():
            return super().compile_extra(func)

    def define_pipelines(self) -> list[Any]:
        """numba's passes, two of them as above."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        ours = {NativeLowering: self.lowering, NopythonTypeInference: _Typing}
        passes.passes = [(ours.get(kind, kind), title) for kind, title in passes.passes]
        passes.finalize()
        return [passes]


class PartCompiler(KernelCompiler):
    """Compiles what only kernels call."""

    lowering = _PartLowering

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # numba compiles its own functions anew for each set of flags
        self.state.flags.discard("no_cpython_wrapper")


_compile_extra = compiler.compile_extra


def _compile(typingctx: Any, targetctx: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
    """numba's `compile_extra`, with a compiler from here for kernels and for what they call."""
    if kwargs.get("pipeline_class") is Compiler:
        within = isinstance(ConfigStack.top_or_none(), _Flags)
        if func.__module__.startswith(OURS):
            kwargs["pipeline_class"] = KernelCompiler
        elif within and kwargs["flags"].no_cpython_wrapper:
            kwargs["pipeline_class"] = PartCompiler
    return _compile_extra(typingctx, targetctx, func, *args, **kwargs)


compiler.compile_extra = _compile
