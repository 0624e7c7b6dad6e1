from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.spec import TensorSpec
from rules.activation import RULES

X = TensorSpec((2, 3, 5))
T = torch.Tensor
nn_ = torch._C._nn

CMP = {
    "relu": [nn.ReLU(), nn.ReLU(inplace=True), F.relu, torch.relu, T.relu, T.relu_, F.relu_],
    "relu6": [nn.ReLU6(), F.relu6],
    "leaky_relu": [nn.LeakyReLU(0.2), partial(F.leaky_relu, negative_slope=0.2), F.leaky_relu_, nn_.leaky_relu],
    "threshold": [nn.Threshold(0.5, 2.0), partial(F.threshold, threshold=0.5, value=2.0)],
    "hardshrink": [nn.Hardshrink(), F.hardshrink, torch.hardshrink, T.hardshrink],
    "hardtanh": [nn.Hardtanh(-2, 2), F.hardtanh, F.hardtanh_, partial(F.hardtanh, min_val=-3.0, max_val=3.0)],
    "softshrink": [nn.Softshrink(0.3), F.softshrink],
    "rrelu": [nn.RReLU(), nn.RReLU().eval(), F.rrelu, torch.rrelu, partial(F.rrelu, training=True), F.rrelu_],
}
FUNC = {
    "sigmoid": [nn.Sigmoid(), torch.sigmoid, T.sigmoid, T.sigmoid_, torch.special.expit],
    "tanh": [nn.Tanh(), torch.tanh, T.tanh, T.tanh_],
    "tanhshrink": [nn.Tanhshrink(), F.tanhshrink],
    "softsign": [nn.Softsign(), F.softsign],
    "silu": [nn.SiLU(), F.silu, nn.SiLU(inplace=True), nn_.silu_],
    "mish": [nn.Mish(), F.mish],
    "elu": [nn.ELU(0.5), partial(F.elu, alpha=0.5), F.elu_],
    "selu": [nn.SELU(), F.selu, torch.selu, torch.selu_],
    "celu": [nn.CELU(0.5), partial(F.celu, alpha=0.5), torch.celu, torch.celu_],
    "softplus": [nn.Softplus(beta=2), partial(F.softplus, beta=2.0, threshold=10.0)],
    "logsigmoid": [nn.LogSigmoid(), F.logsigmoid],
    "hardsigmoid": [nn.Hardsigmoid(), F.hardsigmoid],
    "hardswish": [nn.Hardswish(), F.hardswish],
    "gelu": [nn.GELU(), nn.GELU("tanh"), F.gelu, partial(F.gelu, approximate="tanh")],
}


def calls(targets, input):
    """Each target over one input; a partial keeps the attributes it has."""
    return [
        partial(target.func, input, **target.keywords) if isinstance(target, partial) else partial(target, input)
        for target in targets
    ]


@pytest.mark.parametrize("name", CMP)
def test_selections_are_one_comparison(agree, name):
    agree(RULES, name, calls(CMP[name], X), cmp=30)


@pytest.mark.parametrize("name", FUNC)
def test_all_others_are_one_function(agree, name):
    agree(RULES, name, calls(FUNC[name], X), func=30)


def test_prelu_has_a_slope_a_channel(agree):
    agree(
        RULES, "prelu",
        [
            partial(nn.PReLU(3), X),
            partial(nn.PReLU(), X),
            partial(F.prelu, X, TensorSpec((3,))),
            partial(torch.prelu, X, TensorSpec(())),
            partial(T.prelu, X, TensorSpec((1,))),
            partial(torch._prelu_kernel, X, TensorSpec((1, 3, 1))),
        ],
        cmp=30,
    )  # fmt: skip


def test_glu_halves_a_dimension(agree):
    x = TensorSpec((2, 6, 5), torch.bfloat16)
    agree(RULES, "glu", [partial(nn.GLU(1), x), partial(F.glu, x, dim=-2), partial(nn_.glu, x, 1)], func=30)


def test_what_the_backward_pass_keeps_is_no_work(agree):
    agree(RULES, "logsigmoid", [partial(torch.ops.aten.log_sigmoid_forward, X)], func=30)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64])
@pytest.mark.parametrize("name", [*CMP, *FUNC])
def test_dtypes_are_those_that_torch_takes(agree, rejects, name, dtype):
    tables = CMP | FUNC
    call = calls(tables[name][:1], TensorSpec((7,), dtype))[0]
    module = call.func.eval()
    try:
        module(torch.zeros(7, dtype=dtype))
    except RuntimeError:
        rejects(RULES, call, "")
    else:
        agree(RULES, name, [call], **({"cmp": 7} if name in CMP else {"func": 7}))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.gelu, X, approximate="erf"), "approximate must be 'none' or 'tanh', got 'erf'"),
        (partial(F.glu, X), "input must have an even size at dim -1, got 5"),
        (partial(F.glu, X, dim=3), "dim must be from -3 to 2, got 3"),
        (partial(F.glu, TensorSpec(())), "input must have 1 dimension or more"),
        (partial(F.hardtanh, X, 2.0, 1.0), "min_val must not be greater than max_val, got 2.0 and 1.0"),
        (partial(F.softshrink, X, -0.5), "lambd must be 0 or more, got -0.5"),
        (partial(F.celu, X, 0.0), "alpha must not be 0"),
        (partial(F.rrelu, X, 0.5, 0.25), "lower must not be greater than upper, got 0.5 and 0.25"),
        (partial(F.prelu, X, TensorSpec((5,))), "input has 3 channels, weight has 5 slopes"),
        (partial(F.prelu, X, TensorSpec((1, 3))), "weight must have 0 or 1 dimensions, got 2: (1, 3)"),
        (partial(F.prelu, X, TensorSpec((3,), torch.float64)), "same dtype, got float32 and float64"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
