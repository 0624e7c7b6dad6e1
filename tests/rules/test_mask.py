"""What is kept or left out by values that only data has."""

import pytest
import torch
from torch import nn

from analyzer import ShapeError, TensorSpec, analyze


def test_sparse_is_counted_as_if_dense():
    answer = analyze(lambda x: x.to_sparse(1), (TensorSpec((3, 5), torch.float64),))
    assert (answer.outputs.shape, answer.outputs.dtype) == ((3, 5), torch.float64)
    (node,) = [node for node in answer.graph.nodes() if node.op == "to_sparse"]
    assert (node.status, node.counts.cmp) == ("bounded", 15)


@pytest.mark.parametrize("sparse_dim", [0, 3, -1])
def test_sparse_dimensions(sparse_dim):
    with pytest.raises(RuntimeError):
        torch.zeros(3, 5).to_sparse(sparse_dim)
    with pytest.raises(ShapeError, match="from 1 to 2"):
        analyze(lambda x: x.to_sparse(sparse_dim), (TensorSpec((3, 5)),))


def test_a_transformer_calculates_its_padding():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, batch_first=True), 2).eval()
    padding = {"src_key_padding_mask": TensorSpec((3, 5), torch.bool)}
    padded, whole = analyze(encoder, (TensorSpec((3, 5, 6)),), padding), analyze(encoder, (TensorSpec((3, 5, 6)),))
    assert padded.outputs.shape == (3, 5, 6)
    assert padded.total("macs") == whole.total("macs")
    assert "bounded" in {node.status for node in padded.graph.nodes()}
