"""Modules of torch.nn that no rule serves as a whole: they are entered, and what they call is ruled."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import analyze

from .conftest import metadata

X, M, Q = torch.randn(3, 5, 7, 11), torch.randn(5, 7), torch.randn(2, 5, 12)


class Held(nn.Module):
    """Weights and layers in torch's own containers."""

    def __init__(self):
        super().__init__()
        self.list = nn.ParameterList([nn.Parameter(torch.randn(7, 3))])
        self.dict = nn.ParameterDict({"a": nn.Parameter(torch.randn(3, 2))})
        self.layers = nn.ModuleDict({"out": nn.Linear(2, 5)})
        self.more = nn.ModuleList([nn.Identity()])

    def forward(self, x):
        for layer in self.more:
            x = layer(x)
        return self.layers["out"](x @ self.list[0] @ self.dict["a"])


def layer(**more):
    return nn.TransformerEncoderLayer(12, 3, 17, batch_first=True, **more)


CALLS = {
    "CrossMapLRN2d": (nn.CrossMapLRN2d(3), X),
    "NLLLoss2d": (nn.NLLLoss2d(), F.log_softmax(X, 1), torch.zeros(3, 7, 11, dtype=torch.int64)),
    "triplets": (nn.TripletMarginWithDistanceLoss(), M, M, M),
    "triplets by angle": (
        nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), swap=True),
        M, M, M,
    ),
    "attention": (nn.MultiheadAttention(12, 3, batch_first=True), Q, Q, Q),
    "encoder": (nn.TransformerEncoder(layer(), 2, enable_nested_tensor=False).eval(), Q),
    "encoder, norm first": (layer(norm_first=True, activation="gelu"), Q),
    "decoder": (nn.TransformerDecoderLayer(12, 3, 17, batch_first=True), Q, torch.randn(2, 7, 12)),
    "decoders": (nn.TransformerDecoder(nn.TransformerDecoderLayer(12, 3, 17), 2), Q, torch.randn(7, 5, 12)),
    "transformer": (nn.Transformer(12, 3, 1, 1, 17, batch_first=True).eval(), Q, torch.randn(2, 7, 12)),
    "containers": (Held(), M),
    "parallel": (nn.DataParallel(nn.Linear(7, 3)), M),
}  # fmt: skip
if hasattr(nn, "LinearCrossEntropyLoss"):
    CALLS["LinearCrossEntropyLoss"] = (nn.LinearCrossEntropyLoss(7, 3), M, torch.zeros(5, dtype=torch.int64))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("module", "args"), [(m, a) for m, *a in CALLS.values()], ids=CALLS)
def test_modules(module, args):
    answer = analyze(module, tuple(args))
    assert metadata(answer.outputs) == metadata(module(*args))
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}
    assert answer.params == sum(parameter.numel() for parameter in module.parameters())
