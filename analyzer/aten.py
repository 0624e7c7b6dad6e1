"""What gets past the first net: aten operators, served by the rules of the same name, or by torch's shape functions."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.abstract import METADATA, AbstractTensor
from analyzer.bounds import at_most, is_bound
from analyzer.callee import callee
from analyzer.counts import Counts, Traffic
from analyzer.errors import AnalyzerError, DataDependentError, Diagnostic, MissingRuleError, RuleError, ShapeError
from analyzer.frames import user_line
from analyzer.higher_order import call_higher_order, is_higher_order
from analyzer.nets import DispatchNet
from analyzer.node import Status
from analyzer.propagate import Outcome, paths_of
from analyzer.pytree import leaves, map_tensors
from analyzer.questions import QUESTIONS
from analyzer.recorder import Recorder
from analyzer.rule import Rule, tensors
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec

__all__ = ["AtenCalls"]

# Operators that ask for values, and the method that asks the same.
_QUESTIONS = {
    "aten::_local_scalar_dense": torch.Tensor.item,
    "aten::item": torch.Tensor.item,
    "aten::is_nonzero": torch.is_nonzero,
    "aten::equal": torch.equal,
    "aten::allclose": torch.allclose,
}
# Operators that ask about shapes and classes alone.
_METADATA = frozenset({
    "aten::is_same_size", "aten::is_pinned", "aten::_has_same_storage_numel", "aten::_has_compatible_shallow_copy_type",
})  # fmt: skip
# Operators that say nothing about arithmetic: they guard, count or mark.
_SILENT = frozenset({"aten::_assert_async", "aten::_assert_scalar", "aten::sym_constrain_range", "aten::record_stream"})


class AtenCalls:
    """The handler of the dispatch net."""

    def __init__(self, rules: RuleSet, recorder: Recorder, diagnostics: list[Diagnostic], on_unknown: str) -> None:
        self._rules = rules
        self._recorder = recorder
        self._diagnostics = diagnostics
        self._on_unknown = on_unknown
        self.refused: AnalyzerError | None = None  # what was raised last: TorchScript loses its words

    def call_composite(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Let torch take a function without a rule apart in C++; its aten operators come back to `__call__`."""
        with torch._C._AutoDispatchBelowAutograd():
            return function(*args, **kwargs)

    def __call__(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Serve one aten operator."""
        try:
            if is_higher_order(operator):
                return call_higher_order(self._recorder, DispatchNet(self), operator, args, kwargs)
            name = operator._schema.name
            if name in _SILENT:
                return None
            if self._recorder.has_open_sizes and name in METADATA and [type(arg) for arg in args] == [AbstractTensor]:
                return METADATA[name](args[0])
            if name in _METADATA:
                return self._run_on_meta(operator, args, kwargs)
            if name in _QUESTIONS:
                question = _QUESTIONS[name]
                return QUESTIONS[question.__name__](self._recorder, question, args, kwargs)
            if not any(True for _ in leaves((args, kwargs), (torch.Tensor,))) and not _returns_tensor(operator):
                return operator(*args, **kwargs)  # about dtypes or modes, such as promote_types
            with torch._C.DisableTorchFunction():
                return self._record(operator, tuple(map(self._number, args)), kwargs)
        except AnalyzerError as error:
            self.refused = error
            raise

    def _record(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rule = self._rules.for_operator(operator)
        if rule is not None:
            try:
                rule.signature.bind(args, kwargs)
            except ShapeError:  # the operator's schema has another order than the rule: ask torch
                rule = None
        if rule is not None:
            return self._recorder.call(rule, operator, args, kwargs)
        if operator.namespace == "c10d":
            raise MissingRuleError(
                f"the model talks to other processes ({operator._schema.name.split('::')[1].strip('_')}) in forward",
                hint="use torch.distributed._functional_collectives, or analyze what one process computes by itself",
            )
        if operator._schema.name.startswith("aten::_nested"):
            raise MissingRuleError(
                "the model makes a nested tensor: its rows have sizes of their own, which no spec can say",
                hint="analyze it on padded tensors, or one sequence after the other",
            )
        return self._infer(operator, args, kwargs)

    def _number(self, value: Any) -> Any:
        """A Python scalar that torch wrapped into a tensor on its way."""
        if (
            isinstance(value, torch.Tensor)
            and not isinstance(value, AbstractTensor)
            and value.dim() == 0
            and value.device.type == "cpu"
            and id(value) not in self._recorder.state.tensors
        ):
            with _disable_current_modes():
                return value.item()
        return value

    def _infer(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask torch's own shape function of an operator, on meta."""
        name = operator._schema.name.replace("::", ".")
        try:
            result = self._run_on_meta(operator, args, kwargs)
            status: Status = "inferred"
        except Exception as error:
            if isinstance(error, AnalyzerError):
                raise
            result = self._bound(name, args, error)
            status = "unknown"
        arguments = {"args": self._recorder.recorded(args)}
        outcome = Outcome(
            result, tuple(tensors(result)), arguments, Counts(), Traffic(), status, paths=paths_of(result)
        )
        rule = Rule(name, (), _no_shape, alias=None)
        returned = self._recorder.record_outcome(rule, operator, args, kwargs, outcome)
        node = self._recorder.nodes[-1]
        self._diagnostics.append(
            Diagnostic(
                "no-rule" if status == "inferred" else "unknown-shape",
                node.id,
                f"no rule for {callee(operator).target}; its cost is unknown and not in the totals",
                f"add one:\n{stub(operator)}",
            )
        )
        return returned

    def _run_on_meta(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        device: list[torch.device] = []
        bounds: set[int] = set()

        def to_meta(tensor: torch.Tensor) -> torch.Tensor:
            spec = self._recorder.abstract_of(tensor)._spec
            device.append(spec.device)
            bounds.update(filter(is_bound, spec.shape))
            return torch.empty(spec.shape, dtype=spec.dtype, device="meta")

        with _disable_current_modes(), torch.no_grad():
            real_args, real_kwargs = map_tensors(to_meta, (args, dict(kwargs)), (torch.Tensor,))
            if "device" in real_kwargs:
                device.insert(0, torch.device(real_kwargs["device"] or "cpu"))
                real_kwargs["device"] = torch.device("meta")
            result = operator(*real_args, **real_kwargs)
        place = device[0] if device else torch.device("cpu")

        def to_spec(tensor: torch.Tensor) -> TensorSpec:
            spec = TensorSpec.of(tensor).with_device(place)
            # torch knows plain sizes alone: one that is equal to an argument's upper bound is taken to be it.
            return spec.with_shape(*(at_most(size) if size in bounds else size for size in spec.shape))

        return map_tensors(to_spec, result, (torch.Tensor,))

    def _bound(self, name: str, args: tuple[Any, ...], error: Exception) -> Any:
        said = str(error).lower()
        has_none = isinstance(error, NotImplementedError) or "meta" in said or "fake impl" in said
        by_data = type(error).__name__ in ("DynamicOutputShapeException", "DataDependentOutputException")
        if by_data or "data-dependent shape" in said:
            hint = "give it a rule that returns a Bound, the largest result (analyze(..., rules=...))"
            raise DataDependentError(f"the size of what {name} returns depends on data", hint=hint) from error
        if isinstance(error, (RuntimeError, ValueError, TypeError, IndexError)) and not has_none:
            raise ShapeError(f"torch rejects {name}: {str(error).splitlines()[0]}") from error
        if self._on_unknown == "bound":
            for arg in args:
                if isinstance(arg, torch.Tensor):
                    return self._recorder.abstract_of(arg)._spec
        why = "torch has no shape function for it" if has_none else f"its fake raises {type(error).__name__}: {error}"
        missing = MissingRuleError(
            f"nobody knows the shape of what {name} returns: it has no rule, and {why}",
            hint='give it a rule (analyze(..., rules=...)), or go on with on_unknown="bound"',
        )
        raise missing.locate(self._recorder.stack[-1], (), user_line()) from None


def _returns_tensor(operator: Any) -> bool:
    return any("Tensor" in str(result.type) for result in operator._schema.returns)


def _no_shape(input: TensorSpec) -> TensorSpec:
    raise RuleError("this rule has no shape function")


def stub(operator: Any) -> str:
    """A rule to paste and fill in, with the operator's own arguments."""
    schema = operator._schema
    names = ", ".join(("input" if arg.name == "self" else arg.name) for arg in schema.arguments)
    first = names.split(", ")[0] or "TensorSpec"
    space, name = schema.name.split("::")
    return (
        f"@RULES.op(torch.ops.{space}.{name})\n"
        f"def {name}({names}):\n"
        f'    """What it computes.\n\n    Cost: what is counted.\n    """\n'
        f"    return {first}.with_shape(...)\n"
    )
