"""A formula a way that the branches go, captured when it is asked for."""

import pytest
import torch

from analyzer import InputError, ShapeError, TensorSpec, analyze, piecewise


def stepped(x, w):
    """Rows of 7, 11 wide behind the first product, which a long input passes twice."""
    y = x @ w
    if x.shape[0] > 100:
        y = torch.relu(y) @ w.mT
    return y


SPECS = (TensorSpec(("N", 7)), TensorSpec((7, 11)))


def test_every_piece_has_its_conditions_and_its_formula():
    pieces = piecewise(stepped, SPECS, hints=[{"N": 50}, {"N": 500}])
    told = [
        ([str(condition) for condition in conditions], str(formula)) for conditions, formula in pieces.total("macs")
    ]
    assert told == [(["N ≤ 100"], "77·N"), (["N ≥ 101"], "154·N")]


def test_a_size_outside_of_all_pieces_is_captured():
    pieces = piecewise(stepped, SPECS, hints=[{"N": 50}])
    assert pieces.at("macs", N=100) == 7700
    assert len(pieces) == 1
    assert pieces.at("macs", N=101) == 2 * 7777
    assert len(pieces) == 2
    for size in (1, 99, 100, 101, 102, 1009):
        assert pieces.at("macs", N=size) == analyze(stepped, (torch.empty(size, 7), SPECS[1])).total("macs")
    assert len(pieces) == 2


def test_hints_that_go_the_same_way_are_one_piece():
    assert len(piecewise(stepped, SPECS, hints=[{"N": 50}, {"N": 60}, {"N": 500}])) == 2


def test_a_size_that_the_model_refuses_is_its_own_error():
    def reshaped(x):
        return x.view(3, -1) @ torch.ones(7, 5) if x.shape[0] == 21 else x.view(-1, 4) @ torch.ones(4, 5)

    pieces = piecewise(reshaped, TensorSpec(("N",)), hints=[{"N": 40}])
    assert pieces.at("macs", N=40) == 40 * 5
    assert pieces.at("macs", N=21) == 3 * 7 * 5
    with pytest.raises(ShapeError):
        pieces.at("macs", N=23)


def test_bad_calls_are_one_sentence():
    with pytest.raises(InputError, match="no dimension is open"):
        piecewise(stepped, (TensorSpec((5, 7)), SPECS[1]))
    pieces = piecewise(stepped, SPECS)
    with pytest.raises(InputError, match="say the size of N too"):
        pieces.at("macs")
    with pytest.raises(InputError, match="no dimension is called 'M'"):
        pieces.at("macs", N=3, M=5)
    with pytest.raises(InputError, match="at least one dict"):
        piecewise(stepped, SPECS, hints=[])
