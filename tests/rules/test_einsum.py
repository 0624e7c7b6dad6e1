"""Einsum: shapes against torch itself, counts against a pencil and torch's own flop counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules.einsum import RULES

RULE = RULES[torch.einsum]


def call(equation, *operands, **kwargs):
    bound = RULE.bind((equation, *operands), kwargs)
    out = RULE.call_shape(bound)
    return out, RULE.call_cost(bound, out)


# equation -> shapes, counts by pencil
EQUATIONS = {
    "ij,jk->ik": (((2, 3), (3, 5)), Counts(mac=30, dot=10)),
    "ij,jk": (((2, 3), (3, 5)), Counts(mac=30, dot=10)),
    " i j , j k -> k i ": (((2, 3), (3, 5)), Counts(mac=30, dot=10)),
    "bhid,bhjd->bhij": (((2, 3, 5, 7), (2, 3, 11, 7)), Counts(mac=2310, dot=330)),
    "i,j->ij": (((2,), (3,)), Counts(mul=6)),
    "ij,ij->ij": (((2, 3), (2, 3)), Counts(mul=6)),
    "ij,ij->": (((2, 3), (2, 3)), Counts(mac=6, dot=1)),
    "ij,jk,kl->il": (((2, 3), (3, 5), (5, 7)), Counts(mac=30 + 70, dot=10 + 14)),
    # Left to right: b, x c, x e stay, so d and then c are summed as soon as nobody else has them.
    "abc,cd,de->ae": (((2, 3, 5), (5, 7), (7, 11)), Counts(add=2 * 5 * 2, mac=2 * 7 * 5 + 2 * 11 * 7, dot=14 + 22)),
    "bn,anm,bm->ba": (((2, 3), (5, 3, 7), (2, 7)), Counts(mac=2 * 5 * 7 * 3 + 2 * 5 * 7, dot=70 + 10)),
    "ij,ij,ij->i": (((2, 3), (2, 3), (2, 3)), Counts(mul=6, mac=6, dot=2)),
    "ii->i": (((3, 3),), Counts()),
    "ii": (((3, 3),), Counts(add=2)),
    "ij->j": (((2, 3),), Counts(add=3)),
    "abii,bi->a": (((2, 3, 5, 5), (3, 5)), Counts(mac=30, dot=2)),
    "ij,k->k": (((2, 3), (5,)), Counts(add=5, mul=5)),
    "...ij,...jk->...ik": (((5, 2, 3), (3, 7)), Counts(mac=210, dot=70)),
    "...i,...i->...": (((2, 1, 5), (3, 5)), Counts(mac=30, dot=6)),
    "i...": (((2, 3, 5),), Counts()),
    "...ab->ab": (((7, 2, 3),), Counts(add=36)),
    "ab->b...": (((2, 3),), Counts(add=3)),
    "ij,jk->kj": (((2, 1), (3, 5)), Counts(add=1, mul=15)),
    "iI": (((2, 3),), Counts()),
    ",": (((), ()), Counts(mul=1)),
    "ij,jk->ki": (((2, 0), (0, 5)), Counts()),
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_shape_is_torchs_and_count_is_the_pencils(equation):
    shapes, counts = EQUATIONS[equation]
    for dtype in (torch.float32, torch.int64):
        real = torch.einsum(equation, *[torch.zeros(shape, dtype=dtype) for shape in shapes])
        out, cost = call(equation, *[TensorSpec(shape, dtype) for shape in shapes])
        assert (out.shape, out.dtype) == (tuple(real.shape), real.dtype)
        assert cost == counts


@pytest.mark.parametrize("equation", EQUATIONS)
def test_products_are_torchs_flops(equation):
    shapes, counts = EQUATIONS[equation]
    with FlopCounterMode(display=False) as counter:
        torch.einsum(equation, *[torch.zeros(shape, device="meta") for shape in shapes])
    assert counter.get_total_flops() == 2 * counts.mac


def test_along_a_path():
    operands = [TensorSpec((2, 3)), TensorSpec((3, 5)), TensorSpec((5, 7))]
    assert call("ij,jk,kl->il", *operands, path=[1, 2, 0, 1])[1] == Counts(mac=3 * 5 * 7 + 2 * 3 * 7, dot=21 + 14)
    assert call("ij,jk,kl->il", operands, path=None)[1] == Counts(mac=100, dot=24)


def test_the_path_is_opt_einsums_where_torch_takes_it(monkeypatch):
    class Chooser:
        enabled, strategy = True, "auto"
        is_available = staticmethod(lambda: True)

        @staticmethod
        def get_opt_einsum():
            return Chooser

        @staticmethod
        def contract_path(equation, *shapes, shapes_given=True, optimize=None, **_):
            assert (equation, shapes, optimize) == ("ij,jk,kl->il", ((2, 3), (3, 5), (5, 7)), "auto")
            return [(1, 2), (0, 1)], None

    monkeypatch.setattr(torch.backends, "opt_einsum", Chooser)
    operands = [TensorSpec((2, 3)), TensorSpec((3, 5)), TensorSpec((5, 7))]
    assert call("ij,jk,kl->il", *operands)[1] == Counts(mac=3 * 5 * 7 + 2 * 3 * 7, dot=21 + 14)


def test_dtypes_mix_only_where_nothing_is_summed():
    single, double = TensorSpec((2, 3)), TensorSpec((2, 3), torch.float64)
    assert call("ij,ij->ij", single, double)[0].dtype is torch.float64
    with pytest.raises(ShapeError, match="one dtype"):
        call("ij,ij->i", single, double)
    mask = TensorSpec((2, 3), torch.bool)
    assert call("ij->i", mask)[0].dtype is torch.int64
    with pytest.raises(ShapeError, match="not bool"):
        call("ij,ij->i", mask, mask)


WRONG = {
    "ij,jk->ikk": ((2, 3), (3, 5)),
    "ij,jk->il": ((2, 3), (3, 5)),
    "ij,jk->ik": ((2, 3), (5, 5)),
    "ij": ((2, 3, 5),),
    "ijkl...": ((2, 3, 5),),
    "ij,j": ((2, 3),),
    "i.j": ((2, 3),),
    "i...j...": ((2, 3),),
    "i1": ((2, 3),),
    "ii": ((3, 1),),
    "ij->->i": ((2, 3),),
}


@pytest.mark.parametrize("equation", WRONG)
def test_what_torch_rejects(equation):
    with pytest.raises(RuntimeError):
        torch.einsum(equation, *[torch.zeros(shape) for shape in WRONG[equation]])
    with pytest.raises(ShapeError):
        call(equation, *[TensorSpec(shape) for shape in WRONG[equation]])
