"""Small analyses put together by hand, so that every number in these tests comes from a pencil."""

from __future__ import annotations

import pytest

from analyzer.analysis import Analysis
from analyzer.bounds import AtMost
from analyzer.counts import Counts, Traffic
from analyzer.errors import Diagnostic, Source
from analyzer.graph import Graph
from analyzer.node import Edge, ModuleCall, ModuleInfo, Node, Parameter
from analyzer.spec import TensorSpec


class Sketch:
    """A model in the making: modules and parameters by name, nodes in a chain."""

    def __init__(self, name: str = "Net", versions: dict[str, str] | None = None) -> None:
        self.name = name
        self.versions = versions or {"flopgraph": "0.1.0", "torch": "2.14.1"}
        self.modules: dict[str, ModuleInfo] = {}
        self.parameters: dict[str, Parameter] = {}
        self.nodes: list[Node] = []
        self.diagnostics: list[Diagnostic] = []
        self.module("", name)

    def module(self, path, type="Block", *, calls=1, shape=(2,), aliases=(), parameters=(), training=False):
        call = ModuleCall((TensorSpec(shape),), (TensorSpec(shape),))
        self.modules[path] = ModuleInfo(path, type, aliases, tuple(parameters), (), (call,) * calls, training)
        return self

    def parameter(self, name, *shape, trainable=True, buffer=False, aliases=(), used=True):
        self.parameters[name] = Parameter(name, TensorSpec(shape), trainable, buffer, aliases, used)
        path = name.rpartition(".")[0]
        info = self.modules[path]
        if not buffer:
            self.modules[path] = info._replace(parameters=(*info.parameters, name))
        return self

    def node(
        self, id, op="linear", *, stack=("",), counts=None, params=(), shape=(2,), status="ruled", reads=None, **more
    ):
        before = [self.nodes[-1].id] if self.nodes else []
        sources = before if reads is None else reads
        inputs = tuple(
            Edge(("input", "other", "weight")[index], source, 0, self.spec_of(source))
            for index, source in enumerate(sources)
        )
        kind = more.pop("kind", {"input": "placeholder", "output": "output"}.get(op, "call_function"))
        outputs = () if op == "output" else (TensorSpec(shape),)
        fields = {
            "target": f"torch.{op}", "arguments": {}, "traffic": Traffic(3, 5), "alias_of": "", "notes": (),
            "source": Source("model.py", 7, "x = self.f(x)"),
        } | more  # fmt: skip
        self.nodes.append(
            Node(id=id, op=op, kind=kind, stack=tuple(stack), inputs=inputs, outputs=outputs, params=tuple(params),
                 counts=counts or Counts(), status=status, **fields)
        )  # fmt: skip
        return self

    def spec_of(self, id):
        return next(node.outputs[0] for node in self.nodes if node.id == id)

    def input(self, *shape):
        return self.node("x", "input", shape=shape or (2,), source=None, traffic=Traffic())

    def done(self) -> Analysis:
        if self.nodes[-1].op != "output":
            self.node("output", "output", source=None, traffic=Traffic())
        graph = Graph(tuple(self.nodes), self.modules, self.parameters, self.name).verify()
        params = sum(item.spec.numel for item in self.parameters.values() if not item.buffer)
        outputs = self.nodes[-1].inputs[0].spec
        return Analysis(graph, outputs, params, tuple(self.diagnostics), self.versions)


@pytest.fixture
def sketch():
    return Sketch


@pytest.fixture
def residual() -> Analysis:
    """A stem, a residual block with an addition of its own, a head: 17 + 11 + 13 + 19 = 60 parameters."""
    s = Sketch("Residual")
    s.module("stem", "Conv2d").module("block").module("block.a", "Linear").module("block.b", "Linear").module(
        "head", "Linear"
    )
    s.parameter("stem.weight", 17).parameter("block.a.weight", 11).parameter("block.b.weight", 13)
    s.parameter("head.weight", 19)
    s.input()
    s.node("stem", "conv2d", stack=("", "stem"), counts=Counts.dots(2, 101), params=["stem.weight"])
    s.node("block.a", stack=("", "block", "block.a"), counts=Counts.dots(3, 103), params=["block.a.weight"])
    s.node("block.b", stack=("", "block", "block.b"), counts=Counts.dots(5, 107), params=["block.b.weight"])
    s.node("block.add", "add", stack=("", "block"), counts=Counts(add=109), reads=["block.b", "stem"])
    s.node("head", stack=("", "head"), counts=Counts.dots(7, 113), params=["head.weight"])
    return s.done()


@pytest.fixture
def repeated() -> Analysis:
    """Five layers in a list that is never called, the last one wider: folded 0-3, then 4."""
    s = Sketch("Repeated").module("layers", "ModuleList", calls=0).input()
    for index in range(5):
        wide = index == 4
        path = f"layers.{index}"
        s.module(path, "Layer").module(f"{path}.fc", "Linear").parameter(f"{path}.fc.weight", 29 if wide else 23)
        stack = ("", path, f"{path}.fc")
        s.node(f"{path}.fc", stack=stack, counts=Counts(mac=41 if wide else 37), params=[f"{path}.fc.weight"])
        s.node(f"{path}.mul", "mul", stack=("", path), counts=Counts(mul=3))
    return s.done()


@pytest.fixture
def shared() -> Analysis:
    """One layer called by two parents, one weight tied to another's, a parameter and a module that nothing uses."""
    s = Sketch("Shared")
    s.module("a").module("a.core", "Linear", calls=2, aliases=("b.core",)).module("b").module("head", "Linear")
    s.module("aux", "Linear", calls=0)
    s.parameter("a.core.weight", 5, aliases=("head.weight",)).parameter("b.extra", 3, used=False)
    s.parameter("aux.weight", 7, used=False).parameter("a.mean", 2, buffer=True)
    s.modules["head"] = s.modules["head"]._replace(parameters=("a.core.weight",))
    s.input()
    s.node("a.core", stack=("", "a", "a.core"), counts=Counts(mac=11), params=["a.core.weight"])
    s.node("b.core", stack=("", "b", "a.core"), counts=Counts(mac=13), params=["a.core.weight"])
    s.node("head", stack=("", "head"), counts=Counts(mac=17), params=["a.core.weight", "a.mean"])
    return s.done()


@pytest.fixture
def bounded() -> Analysis:
    """One call at its largest possible size, one whose cost nobody knows."""
    s = Sketch("Bounded").module("near").module("far").module("sure").input()
    most = Counts(add=AtMost(3))
    s.node("near.nonzero", "nonzero", stack=("", "near"), counts=most, status="bounded", notes=("at most 2",))
    s.node("far.warp", "warp", stack=("", "far"), status="unknown")
    s.node("sure.add", "add", stack=("", "sure"), counts=Counts(add=5))
    return s.done()


HOSTILE = (
    "<script>alert(1)</script>",
    "a,b;c",
    "pipe|pipe",
    "[red]bold[/red]",
    'quote"quote',
    "back\\slash\\",
    "snow ☃",
    ":smile:",
)


@pytest.fixture
def hostile_names():
    return HOSTILE


@pytest.fixture
def hostile() -> Analysis:
    """Names that are markup, separators or escapes somewhere, and numbers beyond 64 bits."""
    s = Sketch("Host<ile>&|[b]").input()
    for name in HOSTILE:
        s.module(name, f"Type{name}").parameter(f"{name}.weight", 2)
        s.node(name, f"op{name}", stack=("", name), counts=Counts(mac=2**70), params=[f"{name}.weight"])
    s.node("x*x", "mul", reads=[HOSTILE[0], HOSTILE[0]], counts=Counts(mul=1))
    return s.done()
