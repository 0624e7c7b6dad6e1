"""Adapters and hooks of libraries around a model: peft, accelerate, torchao. Each test needs its package."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analyzer import analyze, skeleton

X = torch.ones(3, 7)
MACS, PARAMS = 3 * 7 * 5 + 3 * 5 * 11, 40 + 66


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 11)).eval()


def llama():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3, intermediate_size=44,
        vocab_size=101,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def adapted(model, targets, rank=3):
    peft = pytest.importorskip("peft")
    return peft.get_peft_model(model, peft.LoraConfig(r=rank, target_modules=targets)).eval()


def test_lora_on_layers(like_torch):
    analysis = like_torch(adapted(net(), ["0"]), X)
    assert analysis.total("macs") == MACS + 3 * (7 * 3 + 3 * 5)
    assert analysis.params == PARAMS + 7 * 3 + 3 * 5
    assert analysis.trainable_params == 7 * 3 + 3 * 5
    assert like_torch(adapted(net(), ["0"]).merge_and_unload(), X).total("macs") == MACS


def test_lora_on_a_language_model():
    ids = {"input_ids": torch.ones(2, 11, dtype=torch.int64)}
    plain = analyze(llama(), kwargs=ids)
    with skeleton():
        model = adapted(llama(), ["q_proj", "v_proj"])
    analysis = analyze(model, kwargs=ids)
    # Two layers, two projections of 24 to 24 in each, for 22 tokens.
    assert analysis.total("macs") == plain.total("macs") + 2 * 2 * 22 * (24 * 3 + 3 * 24)
    assert analysis.params == plain.params + 2 * 2 * 2 * 24 * 3


def test_lora_on_convolutions(like_torch):
    models = pytest.importorskip("torchvision.models")
    plain = models.resnet18().eval()
    image = torch.zeros(1, 3, 32, 32)
    before = analyze(plain, image).total("macs")
    # The stem alone: 7 x 7 kernels to 2 channels on 16 x 16 places, and 1 x 1 kernels to 64.
    model = adapted(plain, r"^conv1$", rank=2)
    assert like_torch(model, image).total("macs") == before + 16 * 16 * (2 * 3 * 49 + 64 * 2)


OFFLOADS = {
    "cpu_offload": lambda accelerate, model: accelerate.cpu_offload(model, execution_device=torch.device("cpu")),
    "dispatch_model": lambda accelerate, model: accelerate.dispatch_model(
        model, {"0": "cpu", "1": "cpu", "2": "cpu"}, main_device="cpu", force_hooks=True
    ),
    "prepare": lambda accelerate, model: accelerate.Accelerator(cpu=True).prepare(model),
}


@pytest.mark.parametrize("offload", OFFLOADS.values(), ids=OFFLOADS.keys())
def test_models_with_hooks_of_accelerate(offload, like_torch):
    accelerate = pytest.importorskip("accelerate")
    model = offload(accelerate, net())
    for _ in range(2):
        analysis = like_torch(model, X)
        assert analysis.total("macs") == MACS
        assert analysis.params == PARAMS


def test_weights_that_a_hook_brings_to_a_device_that_is_not_here():
    accelerate = pytest.importorskip("accelerate")
    model = net()
    hook = accelerate.hooks.AlignDevicesHook(execution_device="cuda:0", io_same_device=True)
    accelerate.hooks.add_hook_to_module(model, accelerate.hooks.ModelHook())
    model._hf_hook = hook  # attaching it would look for the device
    analysis = analyze(model, X)
    assert analysis.total("macs") == MACS
    assert analysis.outputs.device.type == "cpu"


def test_empty_weights():
    accelerate = pytest.importorskip("accelerate")
    with accelerate.init_empty_weights():
        model = net()
    assert analyze(model, X).total("macs") == MACS


def test_weights_of_torchao():
    quantization = pytest.importorskip("torchao.quantization")
    for config in (quantization.Int8WeightOnlyConfig(), quantization.Int8DynamicActivationInt8WeightConfig()):
        model = net()
        quantization.quantize_(model, config)
        analysis = analyze(model, X)
        assert analysis.total("macs") == MACS
        assert analysis.params == PARAMS
        assert not analysis.is_lower_bound
