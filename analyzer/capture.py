"""nn.Module or callable -> `Graph`: run forward once on abstract tensors and record every torch call it makes."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.fx
from torch import nn
from torch.nn.modules import module as torch_module

from analyzer.abstract import AbstractTensor
from analyzer.assumptions import Assumptions
from analyzer.aten import AtenCalls
from analyzer.callee import OPERATORS
from analyzer.ends import close, graph_of, place_inputs, roots_of
from analyzer.errors import AnalyzerError, Diagnostic, ModelError
from analyzer.frames import is_operator, source_of_error
from analyzer.fxgraph import to_fx
from analyzer.gradients import GRADIENTS
from analyzer.graph import Graph
from analyzer.higher_order import call_higher_order, is_higher_order
from analyzer.interception import intercept_modules, paused_compilation
from analyzer.lazy import infer_lazy, is_uninitialized
from analyzer.lifting import PLAIN, is_numpy_number
from analyzer.nets import DispatchNet, FunctionNet, is_transformed, is_transforming, overrides, without_override_checks
from analyzer.node import ModuleCall, record
from analyzer.pytree import leaves
from analyzer.questions import QUESTIONS
from analyzer.recorder import Recorder
from analyzer.rule import Rule
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.state import GlobalState, ModelState

__all__ = ["Capture", "Observer"]

Observer = Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any]], Callable[[Any], None]]


class Capture(torch.fx.Tracer):
    """One capture of one model: torch.fx's tracer on abstract tensors in place of proxies.

    Args:
        rules: who answers for the calls.
        training: None leaves the modules' modes alone; True or False sets every one's for the capture.
        on_unknown: ``"raise"``, or ``"bound"`` to go on where nobody knows a shape.
        assume: what values are that only data knows, see `Assumptions`.
        observe: is told of every call of a module, ``observe(path, module, args, kwargs)``, before it is made, and
            returns a function that is told its result.
        has_open_sizes: whether some sizes of the inputs are symbolic ints.

    A capture is used once.
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        training: bool | None = None,
        on_unknown: str = "raise",
        assume: Any = None,
        observe: Observer | None = None,
        has_open_sizes: bool = False,
    ) -> None:
        super().__init__(autowrap_modules=())  # type: ignore[arg-type]
        self.rules = rules
        self.training = training
        self._observe = observe
        self.diagnostics: list[Diagnostic] = []
        self._state = ModelState()
        self._recorder = Recorder(self._state, Assumptions(assume, rules.answers))
        self._recorder.has_open_sizes = has_open_sizes
        self._calls: dict[str, list[ModuleCall]] = {}
        self._functions: Mapping[Any, Rule] = rules.targets
        self._leaves: dict[type, Rule | None] = rules.leaves
        self._net = FunctionNet(self._on_function)
        self._aten = AtenCalls(rules, self._recorder, self.diagnostics, on_unknown)
        self._failed: tuple[BaseException | None, str] = (None, "")
        self._entering: list[tuple[Any, tuple[int, ...]]] = []
        self._overridden = False

    # --- torch.fx's own interface -------------------------------------------------------------------------------

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node: a rule answers for its class, and nothing hangs on it that must run."""
        return self._leaf_rule(m) is not None

    def path_of_module(self, mod: nn.Module) -> str:
        """The first path of a module in the model."""
        return self._state.paths[id(mod)]

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> torch.fx.Graph:
        """Capture ``root`` called with these keyword arguments; the torch.fx graph alone."""
        graph, _ = self.run(root, (), concrete_args or {})
        return to_fx(graph.nodes())

    def held(self) -> Iterator[torch.Tensor]:
        """The real tensors of the model: parameters, buffers, and the constants that calls took."""
        yield from (entry.tensor for entry in self._state.tensors.values())
        yield from self._recorder.strangers()

    # --- the capture --------------------------------------------------------------------------------------------

    def run(self, model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Graph, Any]:
        """Call ``model`` on inputs whose tensors are `TensorSpec`.

        Returns:
            the graph, and what the model returned with specs for tensors.

        Raises:
            AnalyzerError: with the place in the user's own code. The model is as before, whatever happens.
        """
        for name, module in roots_of(model).items():
            self._state.add(module, name)
        self._overridden = any(map(overrides, {type(entry.tensor) for entry in self._state.tensors.values()}))
        outside = GlobalState()
        modes = self._set_modes()
        try:
            inputs = place_inputs(self._recorder, args, kwargs)
            with paused_compilation(), intercept_modules(self._on_module), DispatchNet(self._aten), self._net:
                result = run_forward(model, *inputs)
            outputs = close(self._recorder, result)
            self.diagnostics += self._recorder.assumptions.diagnostics()
            name = type(model).__name__ if isinstance(model, nn.Module) else "function"
            return graph_of(self._recorder, self._calls, name), outputs
        except Exception as raised:
            error = own_error(raised)
            if error is None:
                raise self._model_error(raised) from raised
            raise error.locate(self._place(raised), source=source_of_error(error.__traceback__)) from error.__cause__
        finally:
            for module, mode in modes:
                module.training = mode
            self._state.restore()
            outside.restore()
            # The nets hold this capture's methods: without this cycle its tensors go at once, and not at the next
            # sweep of the garbage collector, which would cost as much as the capture.
            del self._net, self._aten
            self._failed = (None, "")

    def _set_modes(self) -> list[tuple[nn.Module, bool]]:
        if self.training is None:
            return []
        modules = self._state.modules.values()
        changed = [(m, m.training) for m in modules if getattr(m, "training", self.training) is not self.training]
        for module, _ in changed:
            module.training = self.training
        return changed

    def _place(self, error: BaseException) -> str:
        """Path of the innermost module that was running when the error came up."""
        return self._failed[1] if self._failed[0] is error else ""

    def _model_error(self, error: Exception) -> AnalyzerError:
        refused = self._aten.refused
        if refused is not None and "TorchScript interpreter" in str(error):
            return refused.locate(self._place(error), (), source_of_error(error.__traceback__))
        message = f"the model's own code raised {type(error).__name__}: {error}"
        located = ModelError(message, hint="the same call fails in torch, or the model needs real values here")
        return located.locate(self._place(error), (), source_of_error(error.__traceback__))

    # --- modules ------------------------------------------------------------------------------------------------

    def _on_module(
        self, original: Callable[..., Any], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        recorder = self._recorder
        path = self._state.paths.get(id(module))
        if path is None:
            path = self._adopt(module)
        stack = recorder.stack
        if path != stack[-1] or len(stack) > 1:
            recorder.stack = (*stack, path)
        seen = None if self._observe is None else self._observe(path, module, args, kwargs)
        first = len(recorder.nodes)
        try:
            rule = self._leaf_rule(module)
            if rule is None and is_uninitialized(module):
                module = infer_lazy(module, args, kwargs, path, recorder)
                rule = self._leaf_rule(module)
            if rule is not None and (self._overridden or is_transforming()) and self._is_opaque(module, args, kwargs):
                rule = None
            if rule is not None:
                result = recorder.call_module(rule, module, args, kwargs)
                node = recorder.nodes[-1]
                nodes = range(first, len(recorder.nodes))
                call = record(ModuleCall, (tuple([edge.spec for edge in node.inputs]), node.outputs, nodes))
            else:
                result = original(module, *args, **kwargs)
                call = ModuleCall(_specs((args, kwargs)), _specs(result), range(first, len(recorder.nodes)))
        except BaseException as error:
            if self._failed[0] is not error:
                self._failed = (error, path)
            raise
        finally:
            recorder.stack = stack
        self._calls.setdefault(path, []).append(call)
        if seen is not None:
            seen(result)
        return result

    def _is_opaque(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether one of the tensors of a call sees to the calls of torch inside by itself."""
        held = module._parameters, module._buffers
        if self._overridden and any(any(map(overrides, map(type, group.values()))) for group in held):
            return True
        return is_transformed(args, kwargs, *held)

    def _adopt(self, module: nn.Module) -> str:
        """A module that the model does not list: built in forward, or reached through a function's globals."""
        above = self._recorder.stack[-1]
        for name, child in getattr(self._state.modules.get(above), "_modules", {}).items():
            path = f"{above}.{name}" if above else name
            if child is module and path in self._state.modules:  # forward put it in the place of another
                self._state.paths[id(module)] = path
                return path
        base = type(module).__name__.lower()
        path, number = base, 1
        while path in self._state.modules:
            number += 1
            path = f"{base}_{number}"
        self._state.add(module, path)
        return path

    def _leaf_rule(self, module: nn.Module) -> Rule | None:
        cls = type(module)
        try:
            rule = self._leaves[cls]
        except KeyError:
            rule = self._leaves[cls] = self.rules.for_module(cls)
        if rule is None:
            return None
        own = module.__dict__
        if own["_forward_hooks"] or own["_forward_pre_hooks"] or "parametrizations" in own["_modules"]:
            return None
        if "forward" in own or torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks:
            return None
        return rule

    # --- functions ----------------------------------------------------------------------------------------------

    def _on_function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if function in _EQUALITY and not (isinstance(args[1], _OPERANDS) or is_numpy_number(args[1])):
            return NotImplemented  # ``x == None`` is Python's to answer
        rule = self._functions.get(function)
        transformed = is_transforming() and is_transformed(args, kwargs)
        if transformed and (rule is not None or not isinstance(function, types.FunctionType)):
            return function(*args, **kwargs)
        if rule is not None:
            written = OPERATORS[function] if function in OPERATORS and is_operator(3) else function
            return self._recorder.call(rule, function, args, kwargs, written)
        if type(function) is types.MethodWrapperType:
            return self._on_property(function, args)
        if is_higher_order(function):
            return call_higher_order(self._recorder, self._net, function, args, kwargs)
        name = getattr(function, "__name__", "")
        question = _ANSWERS.get(name)
        if question is not None and not transformed:
            return question(self._recorder, function, args, kwargs)
        if isinstance(function, types.FunctionType):
            return self._enter(function, args, kwargs)
        return self._aten.call_composite(function, args, kwargs)

    def _on_property(self, accessor: Any, args: tuple[Any, ...]) -> Any:
        """``x.T`` and the like: an operation where a rule says so, metadata of a real tensor otherwise."""
        descriptor, tensor = accessor.__self__, args[0]
        if accessor.__name__ == "__get__":
            rule = self._functions.get(descriptor)
            if rule is not None:
                return self._recorder.call(rule, descriptor, args[:1], {})
            if descriptor.__name__ == "grad" and id(tensor) in self._recorder.gradients:
                return self._recorder.gradients[id(tensor)][1]
            if descriptor.__name__ == "data" and not isinstance(tensor, AbstractTensor):
                return self._recorder.abstract_of(tensor)
            return accessor(*args)
        if descriptor.__name__ == "grad":
            self._recorder.gradients[id(tensor)] = (tensor, args[1])
            return None
        if descriptor.__name__ in ("data", "requires_grad") and not isinstance(tensor, AbstractTensor):
            note = f"the model sets .{descriptor.__name__} of a weight in forward; the analysis leaves it as it is"
            self.diagnostics.append(Diagnostic("weight-untouched", "", note))
            return None
        return accessor(*args)

    def _enter(self, function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a Python function of torch that has no rule, until calls that have one are reached."""
        key = (function, tuple(map(id, args)))
        if key in self._entering:  # its code hands over to itself: let torch take it apart
            return self._aten.call_composite(function, args, kwargs)
        self._entering.append(key)
        try:
            with self._net:
                return without_override_checks(function)(*args, **kwargs)
        finally:
            self._entering.pop()


_ANSWERS = {**QUESTIONS, **GRADIENTS}
_EQUALITY = frozenset({torch.Tensor.__eq__, torch.Tensor.__ne__})
_OPERANDS = (torch.Tensor, int, float, bool, complex, torch.SymInt, torch.SymFloat, torch.SymBool)


def run_forward(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call that is captured; stack walks end at this frame's name."""
    return model(*args, **kwargs)


def own_error(error: BaseException | None) -> AnalyzerError | None:
    """The analyzer's error that an exception is, or that the model's code wrapped into one of its own."""
    seen: set[int] = set()  # errors may be each other's contexts
    while error is not None and not isinstance(error, AnalyzerError):
        if id(error) in seen:
            return None
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return error


def _specs(tree: Any) -> tuple[TensorSpec, ...]:
    if type(tree) is AbstractTensor:
        return (tree._spec,)
    specs: list[TensorSpec] = []
    _collect(tree, specs)
    return tuple(specs)


def _collect(tree: Any, specs: list[TensorSpec]) -> None:
    cls = type(tree)
    if cls is AbstractTensor:
        specs.append(tree._spec)
    elif cls is tuple or cls is list:
        for item in tree:
            _collect(item, specs)
    elif cls is dict:
        for item in tree.values():
            _collect(item, specs)
    elif cls not in PLAIN:
        specs += [leaf._spec for _, leaf in leaves(tree, (AbstractTensor,))]
