"""Models of transformers, diffusers and timm by name and by a local config.json: no weights, no network."""

from __future__ import annotations

import json
import os
import socket

import pytest
import torch
from torch import nn

from analyzer import Known, TensorSpec, analyze, load
from analyzer.errors import InputError

transformers = pytest.importorskip("transformers")

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 28,
    "intermediate_size": 44,
    "num_attention_heads": 7,
    "vocab_size": 101,
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whatever opens a connection fails."""

    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def config(folder, **values):
    (folder / "config.json").write_text(json.dumps(values))
    return str(folder / "config.json")


def params(loaded):
    return analyze(loaded.model, loaded.args, loaded.kwargs).params


def test_a_model_type_with_settings_has_the_parameters_of_a_pencil():
    loaded = load("transformers:llama", set=SMALL)
    # embedding, 2 layers of four projections, three products of the gated unit and two norms, the last norm
    assert params(loaded) == 101 * 28 + 2 * (4 * 28 * 28 + 3 * 28 * 44 + 2 * 28) + 28
    assert {parameter.device.type for parameter in loaded.model.parameters()} == {"meta"}
    assert loaded.kwargs == {"input_ids": TensorSpec((1, 128), torch.int64)}
    assert not loaded.model.training


def test_heads_by_name_by_class_and_by_architectures(tmp_path):
    base = 101 * 28 + 2 * (4 * 28 * 28 + 3 * 28 * 44 + 2 * 28) + 28
    assert params(load("transformers:llama", set=SMALL, head="causal-lm")) == base + 101 * 28
    assert params(load("transformers:LlamaForCausalLM", set=SMALL)) == base + 101 * 28
    path = config(tmp_path, model_type="llama", architectures=["LlamaForCausalLM"], **SMALL)
    assert params(load(path)) == base + 101 * 28
    assert params(load(str(tmp_path), head="none")) == base
    assert params(load(path, head="seq-classification")) == base + 2 * 28  # two labels, no bias


def test_lists_of_one_entry_a_layer_follow_the_number_of_layers(tmp_path):
    kinds = ["sliding_attention", "full_attention"]
    path = config(tmp_path, model_type="gemma2", num_hidden_layers=4, layer_types=kinds * 2)
    assert load(path, set={"num_hidden_layers": 3}).model.config.layer_types == [*kinds, kinds[0]]
    assert load(path, set={"num_hidden_layers": "5"}).model.config.layer_types == [*kinds, *kinds, kinds[0]]


def test_tied_weights_are_shared():
    loaded = load("transformers:bert", set={"num_hidden_layers": 2}, head="masked-lm")
    assert loaded.model.cls.predictions.decoder.weight is loaded.model.bert.embeddings.word_embeddings.weight


def test_inputs_follow_what_is_asked_for():
    assert load("transformers:llama", set=SMALL, batch=3, seq=17).kwargs == {
        "input_ids": TensorSpec((3, 17), torch.int64)
    }
    loaded = load("transformers:vit", set={"num_hidden_layers": 1}, image_size=96, dtype="bfloat16")
    assert loaded.kwargs == {"pixel_values": TensorSpec((1, 3, 96, 96), torch.bfloat16)}
    outputs = analyze(loaded.model, loaded.args, loaded.kwargs).outputs
    assert str(outputs["last_hidden_state"]) == "(1, 37, 768) bfloat16"  # 6 x 6 patches and the class token


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bert", {"input_ids": (1, 128)}),
        ("t5", {"input_ids": (1, 128), "decoder_input_ids": (1, 128)}),
        ("clip", {"input_ids": (1, 77), "pixel_values": (1, 3, 224, 224)}),
        ("whisper", {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 128)}),
        ("speech_to_text", {"input_features": (1, 1000, 80), "decoder_input_ids": (1, 128)}),
        ("wav2vec2", {"input_values": (1, 48_000)}),
        ("audio-spectrogram-transformer", {"input_values": (1, 1024, 128)}),
        ("videomae", {"pixel_values": (1, 16, 3, 224, 224)}),
        ("layoutlmv3", {"input_ids": (1, 128), "bbox": (1, 128, 4), "pixel_values": (1, 3, 224, 224)}),
        ("efficientloftr", {"pixel_values": (1, 2, 3, 224, 224)}),
        ("patchtst", {"past_values": (1, 32, 1)}),
    ],
)
def test_each_kind_of_model_is_fed_its_own(name, wanted):
    kwargs = load(f"transformers:{name}").kwargs
    assert {key: value.shape for key, value in kwargs.items() if value is not None} == wanted


def test_images_take_as_many_tokens_as_the_model_makes_of_them():
    loaded = load("transformers:llava", set={"text_config.num_hidden_layers": 1, "vision_config.num_hidden_layers": 2})
    ids = loaded.kwargs["input_ids"]
    assert isinstance(ids, Known)
    patches = (336 // 14) ** 2
    assert ids.tensor.shape == (1, patches + 128)
    assert int((ids.tensor == loaded.model.config.image_token_id).sum()) == patches
    assert analyze(loaded.model, loaded.args, loaded.kwargs).outputs["last_hidden_state"].shape[1] == patches + 128


def test_an_image_that_the_text_cannot_take_is_left_out_and_told():
    loaded = load("transformers:qwen2_5_vl", set={"vision_config.depth": 1, "text_config.num_hidden_layers": 1})
    assert set(loaded.kwargs) == {"input_ids"}  # its tower makes vectors of 3584, its text takes 8192
    assert loaded.notes[0].startswith("pixel_values is left out")


def test_a_huge_model_is_built_at_once():
    loaded = load("transformers:deepseek_v3")
    assert sum(parameter.numel() for parameter in loaded.model.parameters()) > 6 * 10**11


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("transformers:lama", {}, "transformers has no model 'lama'\n  try     did you mean llama"),
        ("transformers:LlamaForCausalM", {}, "did you mean LlamaForCausalLM"),
        ("transformers:meta-llama/Llama-3", {}, "is a name of the Hugging Face Hub, and nothing is downloaded"),
        ("meta-llama/Llama-3", {}, "there is no file or folder 'meta-llama/Llama-3', and nothing is downloaded"),
        ("transformers:llama", {"set": {"num_hiden_layers": 2}}, "has no 'num_hiden_layers' to set\n  try     did you"),
        ("transformers:clip", {"set": {"vision_config.x": 2}}, "has no 'vision_config.x' to set"),
        ("transformers:llama", {"set": {"vocab_size.x": 2}}, "vocab_size is one value, 32000, and has no parts"),
        ("transformers:llama", {"set": {"num_hidden_layers": "x"}}, "num_hidden_layers is a whole number such as 32"),
        ("transformers:llama", {"head": "masked-lm"}, "llama has no head masked-lm; it has causal-lm, "),
        ("transformers:llama", {"head": "causal-ml"}, "no head 'causal-ml'\n  try     did you mean causal-lm"),
        ("transformers:sam_mask_decoder", {}, "transformers has no model of its own for sam_mask_decoder"),
        ("no/such/config.json", {}, "there is no file 'no/such/config.json'"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(text, options, message):
    with pytest.raises(InputError) as caught:
        load(text, **options)
    assert message in str(caught.value)


def test_a_file_that_is_no_configuration_is_told(tmp_path):
    for text, message in (
        ("{", "is no JSON"),
        ("[1]", "holds no JSON object, but a list"),
        ("{}", "says nothing of a"),
    ):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(InputError, match=message):
            load(str(tmp_path))
    with pytest.raises(InputError, match="transformers knows no model type 'lama'"):
        load(config(tmp_path, model_type="lama"))


CODE = """
import pathlib
from transformers import PretrainedConfig, PreTrainedModel
from torch import nn
pathlib.Path(r"{mark}").touch()

class OwnConfig(PretrainedConfig):
    model_type = "own-model"
    def __init__(self, width=5, **kwargs):
        self.width = width
        super().__init__(**kwargs)

class OwnModel(PreTrainedModel):
    config_class = OwnConfig
    def __init__(self, config):
        super().__init__(config)
        self.fc = nn.Linear(7, config.width)
        self.post_init()
    def forward(self, x):
        return self.fc(x)
"""


def test_code_beside_a_config_runs_only_where_it_is_allowed(tmp_path, monkeypatch):
    mark = tmp_path / "ran"
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    (tmp_path / "own.py").write_text(CODE.replace("{mark}", str(mark)))
    places = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    path = config(tmp_path, model_type="own-model", auto_map=places, width=3)
    with pytest.raises(InputError, match="wants Python files beside it to be run") as caught:
        load(path)
    assert "--trust-remote-code" in caught.value.hint
    assert not mark.exists()
    loaded = load(path, trust_remote_code=True)
    assert mark.exists()
    assert loaded.model.fc.weight.shape == (3, 7)


def test_the_environment_is_as_before():
    before = dict(os.environ)
    load("transformers:llama", set=SMALL)
    assert dict(os.environ) == before


def test_a_config_of_timm(tmp_path):
    pytest.importorskip("timm")
    path = config(tmp_path, architecture="resnet18", num_classes=11, pretrained_cfg={"input_size": [3, 96, 96]})
    loaded = load(path)
    assert (loaded.args[0].shape, loaded.model.fc.out_features) == ((1, 3, 96, 96), 11)


class TestDiffusers:
    """Classes of diffusers, by name and by config.json."""

    @pytest.fixture(autouse=True)
    def package(self):
        return pytest.importorskip("diffusers")

    def test_a_class_with_settings(self):
        loaded = load("diffusers:AutoencoderKL", set={"latent_channels": "3"}, image_size=64, batch=2)
        assert loaded.kwargs == {"sample": TensorSpec((2, 3, 64, 64))}
        assert loaded.model.config.latent_channels == 3
        assert analyze(loaded.model, (), loaded.kwargs).outputs.sample.shape == (2, 3, 64, 64)

    def test_a_config_and_what_a_denoiser_is_fed(self, tmp_path):
        path = config(
            tmp_path,
            _class_name="UNet2DConditionModel",
            sample_size=16,
            cross_attention_dim=24,
            block_out_channels=[32, 64],
            down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
            up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"],
        )
        loaded = load(path, seq=11)
        shapes = {name: value.shape for name, value in loaded.kwargs.items()}
        assert shapes == {"sample": (1, 4, 16, 16), "timestep": (1,), "encoder_hidden_states": (1, 11, 24)}
        assert analyze(loaded.model, (), loaded.kwargs).outputs.sample.shape == (1, 4, 16, 16)

    def test_tokens_of_latents_and_frames_of_a_video(self):
        flux = load("diffusers:FluxTransformer2DModel", set={"num_layers": 1, "num_single_layers": 1}, seq=11)
        shapes = {name: value.shape for name, value in flux.kwargs.items()}
        tokens = 64 * 64 // 4
        assert shapes == {
            "hidden_states": (1, tokens, 64),
            "encoder_hidden_states": (1, 11, 4096),
            "pooled_projections": (1, 768),
            "timestep": (1,),
            "img_ids": (tokens, 3),
            "txt_ids": (11, 3),
        }
        assert analyze(flux.model, (), flux.kwargs).outputs.sample.shape == (1, tokens, 64)
        video = load("diffusers:CogVideoXTransformer3DModel", set={"num_layers": 1})
        assert video.kwargs["hidden_states"].shape == (1, (49 - 1) // 4 + 1, 16, 60, 90)
        assert analyze(video.model, (), video.kwargs).outputs.sample.shape == (1, 13, 16, 60, 90)

    def test_what_is_not_there(self):
        with pytest.raises(
            InputError, match=r"diffusers has no model 'AutoencoderKl'\n  try +did you mean AutoencoderKL"
        ):
            load("diffusers:AutoencoderKl")
        with pytest.raises(InputError, match="AutoencoderKLHunyuanImage has no default for in_channels"):
            load("diffusers:AutoencoderKLHunyuanImage")
        with pytest.raises(
            InputError, match=r"AutoencoderKL has no 'latent_chanels' to set\n  try +did you mean latent"
        ):
            load("diffusers:AutoencoderKL", set={"latent_chanels": 3})


def test_load_is_public():
    assert isinstance(load("torch.nn:Linear", {"in_features": 3, "out_features": 5}).model, nn.Linear)
