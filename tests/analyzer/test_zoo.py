"""From a name on the command line to a model without weights and its usual inputs."""

from __future__ import annotations

import sys
import textwrap

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.errors import InputError, ModelError
from analyzer.spec import TensorSpec
from analyzer.zoo import call_of, default_inputs, load, missing_inputs, parse_input


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of models; what it leaves in the import system goes with the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(text, name="zoo_example"):
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        return path

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


FILE = """
    import dataclasses
    from torch import nn

    @dataclasses.dataclass
    class Config:
        width: int = 5

    class Net(nn.Module):
        def __init__(self, width=5):
            super().__init__()
            self.fc = nn.Linear(7, width)

    class Nets:
        Inner = Net

    def make(width): return Net(width)
    def make_pair(width, depth): return Net(width)
    def scaled(x, w): return x @ w
    def fails(): raise RuntimeError("no luck")
    def nothing(): return 3
    ready = nn.Linear(3, 2)
    number = 3
"""


def test_a_class_a_function_a_nested_class_and_a_model_of_a_file(file):
    path = file(FILE)
    assert load(f"{path}:Net").model.fc.weight.device.type == "meta"
    assert load(f"{path}:make", {"width": 11}).model.fc.weight.shape == (11, 7)
    assert load(f"{path}:Nets.Inner", {"width": 2}).model.fc.out_features == 2
    assert load(f"{path}:ready").model.weight.device.type == "cpu"
    assert load(f"{path}:Net").args == ()


def test_a_dotted_module_is_found_in_the_current_folder_too(file, monkeypatch):
    path = file(FILE)
    monkeypatch.chdir(path.parent)
    assert load("zoo_example:Net").model.fc.out_features == 5
    assert isinstance(load("torch.nn:Linear", {"in_features": 3, "out_features": 2}).model, nn.Linear)


def test_a_file_may_have_the_name_of_a_module_that_is_in_use(tmp_path, file):
    (tmp_path / "json.py").write_text("from torch import nn\nmake = nn.ReLU\n")
    import json

    assert isinstance(load(f"{tmp_path / 'json.py'}:make").model, nn.ReLU)
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{file}:Ner", "there is no 'Ner' in zoo_example\n  try     did you mean Net"),
        ("{file}:number", "is no model and nothing that makes one, but int"),
        ("{file}:nothing", "returned no model, but int"),
        ("{file}:make_pair", "missing a required argument: 'depth'"),
        ("{file}x.py:make", "there is no file"),
        ("no_such_package.models:Net", "there is no module 'no_such_package'"),
        ("torch.nope:Net", "there is no module 'torch.nope'"),
        ("alexnet", "but this is 'alexnet'"),
        (":alexnet", "a model is written"),
    ],
)
def test_a_wrong_name_is_said_in_a_sentence(text, message, file):
    with pytest.raises(InputError) as caught:
        load(text.format(file=file(FILE)), {"width": 3} if "pair" in text else None)
    assert message in str(caught.value)


def test_a_function_that_must_be_given_something_is_a_model_itself(file):
    loaded = load(f"{file(FILE)}:scaled")
    args, kwargs = call_of(loaded, [parse_input("3x7"), parse_input("w=7x5")], "scaled")
    assert analyze(loaded.model, args, kwargs).total("macs") == 3 * 7 * 5
    with pytest.raises(InputError, match=r"scaled is called with w: say their shapes\n  try +--input w=1x3x224x224"):
        call_of(loaded, [parse_input("3x7")], "scaled")


def test_what_the_users_code_raises_is_told_with_its_line(file):
    with pytest.raises(ModelError, match="fails raised RuntimeError: no luck") as caught:
        load(f"{file(FILE)}:fails")
    assert caught.value.source.text == 'def fails(): raise RuntimeError("no luck")'
    with pytest.raises(ModelError, match="ZeroDivisionError") as caught:
        load(f"{file('x = 1 / 0', 'divides')}:x")
    assert (caught.value.source.line, caught.value.source.text) == (1, "x = 1 / 0")
    with pytest.raises(ModelError, match="SyntaxError"):
        load(f"{file('x = = 1', 'misspelt')}:x")


def test_an_import_that_fails_inside_names_what_is_missing(file, monkeypatch):
    path = file("import no_such_package\n")
    monkeypatch.chdir(path.parent)
    for text in (f"{path}:x", "zoo_example:x"):
        with pytest.raises(InputError, match="zoo_example imports no_such_package, which is not installed") as caught:
            load(text)
        assert caught.value.source.text == "import no_such_package"


@pytest.mark.parametrize("package", ["torchvision", "timm", "transformers", "diffusers"])
def test_a_missing_model_package_names_the_extra(package, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"there is no module '{package}'\n  try +pip install 'flopgraph\[zoo\]'"):
        load(f"{package}:resnet18")


def shapes(args):
    return [item.shape if isinstance(item, TensorSpec) else [spec.shape for spec in item] for item in args]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("alexnet", [(1, 3, 224, 224)]),
        ("inception_v3", [(1, 3, 299, 299)]),
        ("efficientnet_b1", [(1, 3, 240, 240)]),
        ("regnet_y_128gf", [(1, 3, 384, 384)]),
        ("vit_h_14", [(1, 3, 224, 224)]),
        ("quantized_mobilenet_v2", [(1, 3, 224, 224)]),
        ("lraspp_mobilenet_v3_large", [(1, 3, 520, 520)]),
        ("r3d_18", [(1, 3, 16, 112, 112)]),
        ("s3d", [(1, 3, 16, 224, 224)]),
        ("swin3d_t", [(1, 3, 32, 224, 224)]),
        ("raft_small", [(1, 3, 520, 960)] * 2),
        ("ssdlite320_mobilenet_v3_large", [[(3, 320, 320)]]),
    ],
)
def test_torchvision_models_know_their_inputs_and_have_no_weights(name, wanted):
    pytest.importorskip("torchvision")
    loaded = load(f"torchvision:{name}")
    assert shapes(loaded.args) == wanted
    assert {parameter.device.type for parameter in loaded.model.parameters()} == {"meta"}


def test_torchvision_by_its_own_path_and_with_arguments():
    pytest.importorskip("torchvision")
    assert shapes(load("torchvision.models:vit_b_32", {"image_size": 64}).args) == [(1, 3, 64, 64)]
    assert load("torchvision:resnet18", {"num_classes": 11}).model.fc.out_features == 11
    with pytest.raises(InputError, match=r"torchvision has no model 'resnet51'\n  try +did you mean .*resnet50"):
        load("torchvision:resnet51")
    with pytest.raises(InputError, match="torchvision:resnet50"):
        load("resnet50")


def test_sizes_of_images_and_batches_are_as_asked_for():
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    assert shapes(load("torchvision:resnet18", batch=2, image_size=(64, 96)).args) == [(2, 3, 64, 96)]
    assert shapes(load("torchvision:vit_b_32", image_size=64).args) == [(1, 3, 64, 64)]
    assert shapes(load("torchvision:ssdlite320_mobilenet_v3_large", batch=2).args) == [[(3, 320, 320)] * 2]
    assert shapes(load("torchvision:r3d_18", batch=2, image_size=64).args) == [(2, 3, 16, 64, 64)]
    loaded = load("timm:vit_tiny_patch16_224", image_size=96, dtype="bfloat16")
    assert loaded.args == (TensorSpec((1, 3, 96, 96), torch.bfloat16),)
    assert str(analyze(loaded.model, loaded.args).outputs) == "(1, 1000) bfloat16"


def test_settings_of_a_model_without_a_configuration_are_its_arguments():
    pytest.importorskip("torchvision")
    assert load("torchvision:resnet18", set={"num_classes": "11"}).model.fc.out_features == 11
    with pytest.raises(InputError, match="torchvision:resnet18 has no use for head"):
        load("torchvision:resnet18", head="causal-lm")


def test_models_are_built_for_evaluation():
    assert not load("torch.nn:Dropout").model.training


def test_timm_models_know_their_inputs():
    pytest.importorskip("timm")
    assert shapes(load("timm:vit_tiny_patch16_384").args) == [(1, 3, 384, 384)]
    with pytest.raises(InputError, match="timm has no model 'vit_tinny'"):
        load("timm:vit_tinny")
    assert default_inputs(nn.Linear(3, 5)) == ()


def test_missing_inputs_are_named():
    def model(a, b=1, *rest, c, d=2, **more):
        return a

    assert missing_inputs(model, (), {}) == ["a", "c"]
    assert missing_inputs(model, (1, 2, 3), {}) == ["c"]
    assert missing_inputs(model, (1,), {"c": 1}) == []
    assert missing_inputs(nn.Linear(3, 5), (1, 2, 3), {}) == []
