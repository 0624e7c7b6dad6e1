"""Prefill and decode as formulas of the past."""

import pytest

from analyzer import ConditionError, InputError, generation, skeleton

transformers = pytest.importorskip("transformers")

WIDTH, LAYERS, INNER, VOCABULARY = 56, 3, 88, 101
SIZES = {
    "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "intermediate_size": INNER, "vocab_size": VOCABULARY,
    "num_attention_heads": 7, "num_key_value_heads": 7,
}  # fmt: skip


def llama(**sizes):
    config = transformers.LlamaConfig(**{**SIZES, **sizes})
    return skeleton(transformers.LlamaForCausalLM, config).eval()


@pytest.fixture(scope="module")
def both():
    return generation(llama(), past="P", batch="B")


def test_the_cache_holds_keys_and_values_of_every_layer(both):
    each = 2 * LAYERS * WIDTH * 4  # keys and values, float32
    assert str(both.cache_bytes) == f"{each:,}·B·P"
    assert str(both.cache_growth) == f"{each:,}·B"


def test_a_step_looks_at_the_past_and_itself(both):
    """Per token and layer 4·d² for attention, 3·d·inner for the MLP, 2·d·(P + 1) for the scores and their sums."""
    macs = both.decode.total("macs")
    weights = LAYERS * (4 * WIDTH**2 + 3 * WIDTH * INNER) + WIDTH * VOCABULARY
    for batch, past in ((2, 3), (5, 1009), (11, 40_009)):
        assert macs.at(B=batch, P=past) == batch * (weights + LAYERS * 2 * WIDTH * (past + 1))
    assert macs.growth("P") == "∝ P"
    assert both.prefill.total("macs").growth("P") == "∝ P²"


def test_the_formulas_are_what_numbers_give(both):
    for batch, past in ((2, 13), (3, 257)):
        plain = generation(llama(), past=past, batch=batch)
        for phase in ("prefill", "decode"):
            opened, closed = getattr(both, phase), getattr(plain, phase)
            for convention in ("macs", "flops", "all"):
                assert opened.total(convention).at(B=batch, P=past) == closed.total(convention)
        assert both.cache_bytes.at(B=batch, P=past) == plain.cache_bytes


def test_several_new_tokens_stay_open_too():
    both = generation(llama(), past="P", new="N")
    plain = generation(llama(), past=101, new=5)
    assert both.decode.total("macs").at(P=101, N=5) == plain.decode.total("macs")


def test_what_the_cache_was_made_under_holds_for_the_step_too():
    """A window of 31 tokens is full or not: the formulas are of the way that the hint goes, and refuse the other."""
    config = transformers.MistralConfig(**SIZES, sliding_window=31)
    model = skeleton(transformers.MistralForCausalLM, config).eval()
    both = generation(model, past="P", hints={"P": 17})
    plain = generation(model, past=11)
    assert both.decode.total("macs").at(P=11) == plain.decode.total("macs")
    assert both.cache_bytes.at(P=11) == plain.cache_bytes
    with pytest.raises(ConditionError):
        both.decode.total("macs").at(P=1009)
    full = generation(model, past="P", hints={"P": 211})
    assert full.decode.total("macs") == generation(model, past=1009).decode.total("macs")


def test_sizes_are_numbers_of_one_or_more_or_names():
    with pytest.raises(InputError, match="1 or more, or names, not 0, 1 and 1"):
        generation(llama(), past=0)
