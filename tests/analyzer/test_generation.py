"""Reading and writing text: both phases of generation, and the cache between them."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from analyzer import InputError, TensorSpec, analyze, generation, skeleton
from analyzer.generation import Generation

transformers = pytest.importorskip("transformers")

LAYERS, HIDDEN, INNER, HEADS, GROUPS, WORDS = 2, 56, 88, 7, 1, 103


def llama():
    config = transformers.LlamaConfig(
        num_hidden_layers=LAYERS,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_attention_heads=HEADS,
        num_key_value_heads=GROUPS,
        vocab_size=WORDS,
    )
    return skeleton(transformers.LlamaForCausalLM, config).eval()


def macs(new, past):
    """A Llama by hand: the projections, two products over the scores, the gated MLP, and the head."""
    head = HIDDEN // HEADS
    projections = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * GROUPS * head
    layer = new * (projections + 3 * HIDDEN * INNER) + 2 * HEADS * new * (past + new) * head
    return LAYERS * layer + new * HIDDEN * WORDS


@pytest.mark.parametrize(("past", "new", "batch"), [(31, 1, 1), (31, 5, 3)])
def test_a_llama_by_hand(past, new, batch):
    both = generation(llama(), past, new=new, batch=batch)
    assert both.prefill.total("macs") == batch * macs(past, 0)
    assert both.decode.total("macs") == batch * macs(new, past)
    token = 2 * LAYERS * batch * GROUPS * (HIDDEN // HEADS) * 4
    assert (both.cache_bytes, both.cache_growth) == (past * token, new * token)
    assert pickle.loads(pickle.dumps(both)).decode.total("macs") == both.decode.total("macs")


def test_what_it_says():
    prefill, decode, cache = str(generation(llama(), 31)).splitlines()
    assert prefill.startswith(f"prefill    {macs(31, 0) / 1e6:.2f} M MACs ")
    assert decode.startswith(f"decode     {macs(1, 31) / 1e3:.1f} k MACs ")
    assert cache == "cache     3.97 kB, and 128 B more a step"


def test_an_encoder_reads_and_a_decoder_writes():
    config = transformers.T5Config(
        d_model=56, d_ff=88, num_layers=2, num_heads=7, d_kv=8, vocab_size=103, decoder_start_token_id=0
    )
    both = generation(skeleton(transformers.T5ForConditionalGeneration, config).eval(), 31)
    cross = 2 * 2 * 31 * 7 * 8 * 4
    assert both.cache_bytes == 2 * cross  # of the decoder's own tokens, and of the encoder's
    assert both.cache_growth == cross // 31
    step = 2 * 56 * 56 + 4 * 56 * 56 + 2 * 7 * 32 * 8 + 2 * 7 * 31 * 8 + 2 * 56 * 88
    assert both.decode.total("macs") == 2 * step + 56 * 103


def test_a_window_grows_no_more():
    config = transformers.MistralConfig(
        num_hidden_layers=1, hidden_size=56, intermediate_size=88, num_attention_heads=7, num_key_value_heads=7,
        vocab_size=103, sliding_window=11,
    )  # fmt: skip
    both = generation(skeleton(transformers.MistralForCausalLM, config).eval(), 31)
    assert both.cache_bytes == 2 * 10 * 56 * 4
    assert both.cache_growth == 0


def test_a_model_without_a_cache_is_told_apart():
    class Plain(nn.Module):
        def forward(self, input_ids):
            return {"logits": input_ids.float()}

    with pytest.raises(InputError, match="Plain returns no cache"):
        generation(Plain(), 7)
    with pytest.raises(InputError, match="1 or more"):
        generation(Plain(), 0)


def test_a_cache_of_the_callers_is_left_as_it_was():
    cache = transformers.DynamicCache()
    before = copy.deepcopy(cache.__dict__)
    kwargs = {"input_ids": TensorSpec((1, 31), torch.int64), "past_key_values": cache, "use_cache": True}
    filled = analyze(llama(), kwargs=kwargs).outputs.past_key_values
    assert cache.__dict__.keys() == before.keys()
    assert not cache.layers
    assert len(filled.layers) == LAYERS
    assert filled.layers[0].keys.shape == (1, GROUPS, 31, HIDDEN // HEADS)
    assert all(type(layer.keys) is TensorSpec for layer in filled.layers)


def test_it_is_frozen_and_public():
    both = generation(llama(), 7)
    assert isinstance(both, Generation)
    with pytest.raises(AttributeError):
        both.cache_bytes = 1
