"""What forward keeps outside the model is gone afterwards: the next real call finds no tensor without values."""

from __future__ import annotations

import functools
import gc
import sys

import pytest
import torch
from torch import nn

from analyzer import DataDependentError, ModelError, analyze
from analyzer.abstract import AbstractTensor

X = torch.ones(3, 7)
TABLES: dict[int, torch.Tensor] = {}
PAIRS: dict[int, tuple[torch.Tensor, list[torch.Tensor]]] = {}
SEEN: list[object] = ["before"]


@functools.lru_cache
def remembered(size):
    return torch.arange(size), [torch.ones(size)]


def from_dict(size):
    if size not in TABLES:
        TABLES[size] = torch.ones(size)
    return TABLES[size]


def from_pairs(size):
    if size not in PAIRS:
        PAIRS[size] = torch.ones(size), [torch.ones(size)]
    return PAIRS[size][1][0]


def noted(size):
    SEEN.append(table := torch.ones(size))
    return table


class Helper:
    """No module: nothing puts its attributes back but this."""

    def __init__(self):
        self.tables = {}

    def __call__(self, size):
        return self.tables.setdefault(size, torch.ones(size))


class Net(nn.Module):
    def __init__(self, table, fails=False):
        super().__init__()
        self.table, self.fails = table, fails

    def forward(self, x):
        y = x * self.table(x.shape[-1])
        return y if not self.fails or y.sum() > 0 else -y


class Broken(nn.Module):
    def forward(self, x):
        y = x + 1
        raise ValueError(f"cannot go on with {y.shape}")


CACHES = {
    "lru_cache": lambda size: remembered(size)[0],
    "a list in lru_cache": lambda size: remembered(size)[1][0],
    "a dict of the file": from_dict,
    "a tuple in a dict": from_pairs,
    "a list of the file": noted,
    "a dict of a helper": Helper(),
}


@pytest.mark.parametrize("table", CACHES.values(), ids=CACHES.keys())
def test_a_cache_outside_the_model_holds_no_abstract_tensor(table):
    model = Net(table)
    assert analyze(model, X).counts.mul == 21
    assert model(X).shape == (3, 7)
    remembered.cache_clear()
    TABLES.clear()
    PAIRS.clear()
    SEEN[:] = ["before"]


def test_nor_where_the_model_collects_garbage():
    analyze(Net(lambda size: (remembered(size)[0], gc.collect())[0]), X)
    assert remembered.cache_info().currsize == 0


def test_nor_after_an_error():
    model = Net(CACHES["lru_cache"], fails=True)
    with pytest.raises(DataDependentError):
        analyze(model, X)
    assert model(X).shape == (3, 7)
    remembered.cache_clear()


def test_an_error_of_the_models_own_holds_no_abstract_tensor():
    alive = sys.getrefcount(AbstractTensor)
    with pytest.raises(ModelError) as caught:
        analyze(Broken(), X)
    assert isinstance(caught.value.__cause__, ValueError)
    assert sys.getrefcount(AbstractTensor) == alive


def test_what_was_there_before_stays():
    TABLES[5], SEEN[1:] = torch.ones(5), [torch.ones(2)]
    analyze(Net(lambda size: from_dict(size) + noted(size)), X)
    assert list(TABLES) == [5]
    assert len(SEEN) == 2
    TABLES.clear()
