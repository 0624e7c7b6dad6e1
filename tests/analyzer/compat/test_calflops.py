"""calflops' drop-in: its scripts with another import line, right numbers, and what calflops itself says where asked."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import InputError, ModelError, TensorSpec, skeleton
from analyzer.compat.calflops import (
    calculate_flops,
    calculate_flops_hf,
    flops_to_string,
    generate_transformer_input,
    macs_to_string,
    params_to_string,
)

NUMBERS: dict[str, Any] = {"print_results": False, "output_as_string": False}
IMAGE = TensorSpec((2, 3, 13, 17))


class Tokenizer:
    """As tokenizers of transformers answer: two special tokens for an empty text."""

    pad_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        assert text == ""
        return {"input_ids": [11, 12], "token_type_ids": [0, 0], "attention_mask": [1, 1]}


class Net(nn.Module):
    """Products in every spelling; a layer of its own class."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.weight = nn.Parameter(torch.zeros(15, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x).relu().flatten(2)  # (2, 5, 165), relu by a method
        z = y[..., :15] @ self.weight  # (2, 5, 7)
        return torch.bmm(z, z.mT) + 1  # (2, 5, 5)


CONV = 2 * 5 * 11 * 15 * 3 * 3 * 3  # outputs times products
MATMUL, BMM = 2 * 5 * 7 * 15, 2 * 5 * 5 * 7


def test_every_product_counts_by_default() -> None:
    outputs = 2 * 5 * 11 * 15
    flops = 2 * (CONV + MATMUL + BMM) + outputs + outputs + 2 * 5 * 5  # and the bias, relu and + 1
    assert calculate_flops(Net(), (2, 3, 13, 17), **NUMBERS) == (flops, CONV + MATMUL + BMM, 3 * 5 * 9 + 5 + 15 * 7)


def test_faithful() -> None:
    """Measured with calflops 0.3.2: the convolution and its bias; no method relu, no @, no bmm, no operator +."""
    params = 3 * 5 * 9 + 5 + 15 * 7
    assert calculate_flops(Net(), (2, 3, 13, 17), faithful=True, **NUMBERS) == (90750, 44550, params)


def test_the_script_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    models = pytest.importorskip("torchvision").models
    model = models.alexnet()
    batch_size = 1
    input_shape = (batch_size, 3, 224, 224)
    flops, macs, params = calculate_flops(
        model=model, input_shape=input_shape, output_as_string=True, output_precision=4
    )
    # The figures are those that calflops' documentation gives for this script.
    assert (flops, macs, params) == ("1.4297 GFLOPS", "714.188 MMACs", "61.1008 M")
    lines = capsys.readouterr().out.splitlines()
    assert "fwd+bwd FLOPs: ".ljust(72) + "4.2892 GFLOPS" in lines
    assert (
        "    (0): Conv2d(23.3 K = 0.0381% Params, 70.28 MMACs = 9.8401% MACs, 140.75 MFLOPS = 9.8442% FLOPs, "
        "3, 64, kernel_size=(11, 11), stride=(4, 4), padding=(2, 2))"
    ) in lines


def test_a_model_of_transformers_with_a_tokenizer() -> None:
    transformers = pytest.importorskip("transformers")
    batch_size, max_seq_length = 1, 128
    model = skeleton(transformers.BertModel, transformers.BertConfig(vocab_size=21128))
    flops, macs, params = calculate_flops(
        model=model,
        input_shape=(batch_size, max_seq_length),
        transformer_tokenizer=Tokenizer(),
        print_results=False,
    )
    # The README says 22.36 GFLOPS, 11.17 GMACs and 102.27 M: its attention called torch.matmul then.
    linear = 128 * 12 * (4 * 768**2 + 2 * 768 * 3072) + 768**2
    assert macs == macs_to_string(linear + 12 * 2 * 128 * 128 * 768) == "11.17 GMACs"
    assert params == "102.27 M"
    assert flops == "22.37 GFLOPS"  # residual additions are operators, which calflops does not see


def test_a_backward_pass_and_units() -> None:
    layer = nn.Linear(7, 5)
    given: dict[str, Any] = {"print_results": False, "include_backPropagation": True}
    assert calculate_flops(layer, (3, 7), output_as_string=False, **given) == (630.0, 315.0, 40)
    assert calculate_flops(layer, (3, 7), compute_bp_factor=1, output_unit="K", output_precision=3, **given) == (
        "0.42 KFLOPS",
        "0.21 KMACs",
        "0.04 K",
    )
    assert (flops_to_string(2.5e12), macs_to_string(7), params_to_string(6.74e9)) == (
        "2.5 TFLOPS",
        "7 MACs",
        "6.74 B",
    )


def test_frozen_and_ignored() -> None:
    model = nn.Sequential(nn.Linear(7, 5), nn.Conv1d(3, 11, 5))
    model[0].requires_grad_(False)
    whole = calculate_flops(model, (2, 3, 7), **NUMBERS)
    assert whole == (2 * (2 * 3 * 7 * 5 + 2 * 11 * 15) + 22, 2 * 3 * 7 * 5 + 2 * 11 * 15, 11 * 15 + 11)
    ignored = calculate_flops(model, (2, 3, 7), ignore_modules=[nn.Conv1d], **NUMBERS)
    assert ignored == (2 * 210, 210, whole[2])
    # calflops counts an ignored layer in the module around it.
    assert calculate_flops(model, (2, 3, 7), ignore_modules=[nn.Conv1d], faithful=True, **NUMBERS) == whole


def test_recurrent_layers() -> None:
    layer = nn.LSTM(7, 11, batch_first=True)
    products = 2 * 5 * 44 * (7 + 11)
    flops = 2 * products - 2 * 2 * 5 * 44 + 2 * 5 * (10 * 11 + 2 * 44)  # K - 1 sums a row, gates, two biases
    params = 44 * 18 + 88
    assert calculate_flops(layer, (2, 5, 7), **NUMBERS) == (flops, products, params)
    assert calculate_flops(layer, (2, 5, 7), faithful=True, **NUMBERS) == (flops, 0, params)


def test_generate() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=1, n_head=3, n_embd=21, vocab_size=101, bos_token_id=0, eos_token_id=1, pad_token_id=1
    )
    model = transformers.GPT2LMHeadModel(config)
    tokens = torch.full((1, 7), 3)
    options: dict[str, Any] = {"input_ids": tokens, "max_new_tokens": 3, "do_sample": False}
    _, macs, _ = calculate_flops(model, kwargs=options, forward_mode="generate", **NUMBERS)
    # 7 tokens are read, then 1 and 1 more with a cache; the head reads the last of each
    attention = 2 * 21 * (7 * 7 + 8 + 9)
    assert macs == (7 + 1 + 1) * 12 * 21**2 + attention + 3 * 101 * 21


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"input_shape": [1, 7]},
        {"input_shape": ()},
        {"input_shape": (1, 7), "args": [TensorSpec((1, 7))]},
        {"input_shape": (1, 7), "forward_mode": "backward"},
        {"input_shape": (1, 7), "forward_mode": "generate"},
        {"args": TensorSpec((1, 7))},
        {"input_shape": (1, 7, 7), "transformer_tokenizer": Tokenizer()},
        {"input_shape": (1, 1), "transformer_tokenizer": Tokenizer()},
        {"input_shape": (1, 7), "transformer_tokenizer": "bert"},
        {"input_shape": (1, 7), "ignore_modules": nn.Linear},
        {"input_shape": (1, 7), "output_precision": "2"},
        {"input_shape": (1, 7), "compute_bp_factor": "2"},
    ],
)
def test_wrong_calls(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        calculate_flops(nn.Linear(7, 5), **arguments)


def test_what_is_no_model() -> None:
    with pytest.raises(InputError, match=r"nn\.Module"):
        calculate_flops(torch.relu, (1, 7))  # type: ignore[arg-type]


class Failing(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        super().forward(x)
        raise ValueError("no")


@pytest.mark.parametrize("model", [Net(), Failing(), nn.Sequential(nn.BatchNorm2d(3), nn.Dropout())])
def test_the_model_is_left_alone(model: nn.Module) -> None:
    model.train()
    before = [copy.copy(vars(module)) for module in model.modules()]
    inside = [{key: dict(value) for key, value in each.items() if isinstance(value, dict)} for each in before]
    with contextlib.suppress(ModelError):
        calculate_flops(model, args=[IMAGE])
    after = [vars(module) for module in model.modules()]
    assert after == before
    assert [{key: dict(value) for key, value in each.items() if isinstance(value, dict)} for each in after] == inside


def test_transformer_input() -> None:
    made = generate_transformer_input(Tokenizer(), (2, 5), "cpu")
    assert {name: tuple(tensor.shape) for name, tensor in made.items()} == dict.fromkeys(
        ("input_ids", "attention_mask", "token_type_ids"), (2, 5)
    )
    assert made["attention_mask"].tolist() == [[1, 1, 0, 0, 0]] * 2
    assert generate_transformer_input(Tokenizer(), None, "meta")["input_ids"].shape == (1, 128)


def test_a_name_on_this_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(num_hidden_layers=1, hidden_size=21, num_attention_heads=3, intermediate_size=23)
    config.save_pretrained(tmp_path)
    options: dict[str, Any] = {"input_shape": (2, 17), "output_as_string": False, "print_results": False}
    flops, macs, params, text = calculate_flops_hf(str(tmp_path), return_results=True, **options)
    model = transformers.BertModel(config)
    tokens = TensorSpec((2, 17), torch.int64)
    given = {"input_ids": tokens, "attention_mask": tokens}
    assert (flops, macs, params) == calculate_flops(model, kwargs=given, **NUMBERS)
    assert text.startswith("\n---")
    assert text.endswith("---\n")
    assert capsys.readouterr().out == ""
    assert calculate_flops_hf(str(tmp_path), model, **options) == (flops, macs, params)


def test_a_name_that_is_nowhere() -> None:
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match=r"nothing is downloaded"):
        calculate_flops_hf("nobody/no-such-model")
