"""torchinfo's lines with only the import changed. Its own figures are its README's, or were measured with 1.8.0."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils import prune

from analyzer import AnalyzerError, InputError, Known, TensorSpec, analyze, skeleton
from analyzer.compat.torchinfo import ColumnSettings, LayerInfo, Mode, ModelStatistics, RowSettings, Units, summary
from analyzer.tools import TOOLS


class SingleInputNet(nn.Module):
    """The first model of torchinfo's README."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10, 5), nn.Conv2d(10, 20, 5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1, self.fc2 = nn.Linear(320, 50), nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = self.fc2(F.relu(self.fc1(x.view(-1, 320))))
        return F.log_softmax(x, dim=1)


class LSTMNet(nn.Module):
    """The README's model for other layouts."""

    def __init__(self, vocab_size=20, embed_dim=300, hidden_dim=512, num_layers=2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_dim)
        self.encoder = nn.LSTM(embed_dim, hidden_dim, num_layers=num_layers, batch_first=True)
        self.decoder = nn.Linear(hidden_dim, vocab_size)

    def forward(self, x):
        out, hidden = self.encoder(self.embedding(x))
        out = self.decoder(out)
        return out.view(-1, out.size(2)), hidden


class Attention(nn.Module):
    """Products in functions, a weight of its own, and a head tied to the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(23, 7)
        self.place = nn.Parameter(torch.zeros(5, 7))
        self.qkv = nn.Linear(7, 3 * 7, bias=False)
        self.head = nn.Linear(7, 23, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        q, k, v = self.qkv(self.embedding(tokens) + self.place).chunk(3, -1)
        return self.head(F.scaled_dot_product_attention(q, k, v))


ALL = ("input_size", "output_size", "num_params", "mult_adds")
README = """\
================================================================================================================
Layer (type:depth-idx)                   Input Shape      Output Shape     Param #          Mult-Adds
================================================================================================================
SingleInputNet                           [7, 1, 28, 28]   [7, 10]          --               --
├─Conv2d: 1-1                            [7, 1, 28, 28]   [7, 10, 24, 24]  260              {}
├─Conv2d: 1-2                            [7, 10, 12, 12]  [7, 20, 8, 8]    5,020            {}
├─Dropout2d: 1-3                         [7, 20, 8, 8]    [7, 20, 8, 8]    --               --
├─Linear: 1-4                            [7, 320]         [7, 50]          16,050           {}
├─Linear: 1-5                            [7, 50]          [7, 10]          510              {}
================================================================================================================
Total params: 21,840
Trainable params: 21,840
Non-trainable params: 0
Total mult-adds ({}): {}
================================================================================================================
Input size (MB): 0.02
Forward/backward pass size (MB): 0.40
Params size (MB): 0.09
Estimated Total Size (MB): 0.51
================================================================================================================"""


def test_readme_table(capsys) -> None:
    """With a pencil: 7·10·24·24·25, 7·20·8·8·250, 7·320·50, 7·50·10."""
    result = summary(SingleInputNet(), input_size=(7, 1, 28, 28), col_names=ALL, col_width=16)
    expected = README.format("1,008,000", "2,240,000", "112,000", "3,500", "M", "3.36")
    expected = expected.replace("=" * 112, "=" * 104)
    assert str(result) == expected
    assert capsys.readouterr().out == expected + "\n"
    assert result.total_mult_adds == 1_008_000 + 2_240_000 + 112_000 + 3_500


def test_readme_table_faithful() -> None:
    """The figures of the README: a bias is another multiply-accumulate. The unit reads so since Python 3.11."""
    result = summary(SingleInputNet(), (7, 1, 28, 28), col_names=ALL, col_width=16, verbose=0, faithful=True)
    expected = README.format("1,048,320", "2,248,960", "112,350", "3,570", "Units.MEGABYTES", "3.41")
    assert str(result) == expected.replace("=" * 112, "=" * 104)


def readme_lstm(**options) -> ModelStatistics:
    return summary(
        LSTMNet(),
        (1, 100),
        dtypes=[torch.long],
        verbose=2,
        col_width=16,
        col_names=["kernel_size", "output_size", "num_params", "mult_adds"],
        row_settings=["var_names"],
        **options,
    )


def test_readme_lstm(capsys) -> None:
    told = str(readme_lstm(faithful=True)).splitlines()
    assert told[4].split() == "├─Embedding (embedding) -- [1, 100, 300] 6,000 6,000".split()
    assert told[5].split() == "│ └─weight [300, 20] └─6,000".split()
    assert told[6].split() == "├─LSTM (encoder) -- [1, 100, 512] 3,768,320 376,832,000".split()
    assert told[15].split() == "├─Linear (decoder) -- [1, 100, 20] 10,260 10,260".split()
    assert "Total mult-adds (Units.MEGABYTES): 376.85" in told
    right = {layer.var_name: layer.macs for layer in readme_lstm().summary_list}
    # four gates of two layers, for each of 100 tokens, and a decoder that sees all of them
    lstm = 100 * 4 * 512 * (300 + 512 + 512 + 512)
    assert right == {"LSTMNet": 0, "embedding": 0, "encoder": lstm, "decoder": 100 * 512 * 20}
    capsys.readouterr()


def test_resnet152_of_the_readme_without_weights() -> None:
    """11.51 G, 60,192,808 parameters, 360.87 MB; the true count differs in BatchNorm and the last bias alone."""
    model = skeleton(torchvision.models.resnet152)
    told = summary(model, (1, 3, 224, 224), depth=3, verbose=0, faithful=True)
    assert "Total mult-adds (Units.GIGABYTES): 11.51" in str(told)
    assert "Forward/backward pass size (MB): 360.87\nParams size (MB): 240.77" in str(told)
    right = summary(model, (1, 3, 224, 224), depth=3, verbose=0)
    assert right.total_mult_adds == analyze(model, (1, 3, 224, 224), training=False).total("macs")
    assert right.total_params == told.total_params == 60_192_808


def test_inputs_of_different_dtypes() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(300, 50), nn.Linear(300, 10)

        def forward(self, x1, x2):
            return self.one(x1), self.other(x2.type(torch.float))

    by_size = summary(Two(), [(1, 300), (1, 300)], dtypes=[torch.float, torch.long], verbose=0)
    by_data = summary(Two(), input_data=[torch.randn(1, 300), torch.randn(1, 300).long()], verbose=0)
    by_name = summary(Two(), input_data={"x1": TensorSpec((1, 300)), "x2": Known([[1] * 300])}, verbose=0)
    by_both = summary(Two(), input_data=[TensorSpec((1, 300))], x2=torch.zeros(1, 300).long(), verbose=0)
    assert by_size.total_mult_adds == 300 * 60
    assert str(by_size) == str(by_data) == str(by_name) == str(by_both)
    assert by_size.total_input == by_both.total_input == 300 * 4 + 300 * 8
    assert by_size.input_size == [(1, 300), (1, 300)]
    assert by_name.input_size == {"x1": torch.Size((1, 300)), "x2": torch.Size((1, 300))}


def test_arrays_are_given_to_the_model_as_they_are() -> None:
    class OfNumPy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(7, 5)

        def forward(self, x):
            return self.fc(torch.from_numpy(x))

    result = summary(OfNumPy(), input_data=numpy.zeros((3, 7), numpy.float32), verbose=0)
    assert (result.total_mult_adds, result.total_input, result.input_size) == (105, 84, (3, 7))


def test_tokens_functions_and_tied_weights() -> None:
    """torchinfo leaves the tokens out, does not see attention, and counts a tied weight twice (1.8.0)."""
    model = Attention()
    result = summary(model, input_data=TensorSpec((2, 5), torch.int64), verbose=0)
    macs = {layer.var_name: layer.macs for layer in result.summary_list}
    attention = 2 * 5 * 5 * (7 + 7)
    assert macs == {"Attention": attention, "embedding": 0, "qkv": 10 * 7 * 21, "head": 10 * 7 * 23}
    assert result.total_mult_adds == sum(macs.values()) == analyze(model, TensorSpec((2, 5), torch.int64)).total("macs")
    assert result.total_params == 23 * 7 + 35 + 147
    assert result.total_param_bytes == 4 * result.total_params
    told = summary(model, input_data=TensorSpec((2, 5), torch.int64), verbose=0, faithful=True)
    assert told.total_mult_adds == 2 * (161 + 147 + 161)
    assert told.total_params == 161 + 147 + 161  # and the places are lost in what is left over
    assert told.total_mult_adds == TOOLS["torchinfo"].read(analyze(model, TensorSpec((2, 5), torch.int64)).graph).total


def test_vit() -> None:
    """What users ask about: 173 M where there are 17.6 G."""
    model = skeleton(torchvision.models.vit_b_16)
    told = summary(model, (1, 3, 224, 224), verbose=0, faithful=True)
    assert told.total_mult_adds == 173_232_616  # measured with 1.8.0
    right = summary(model, (1, 3, 224, 224), verbose=0, depth=4, col_names=["mult_adds"])
    assert right.total_mult_adds == analyze(model, (1, 3, 224, 224), training=False).total("macs")
    shown = [line.split()[-1] for line in str(right).splitlines() if "─" in line]
    column = sum(int(cell.replace(",", "")) for cell in shown if cell != "--")
    assert column == right.total_mult_adds > 17e9


@pytest.mark.parametrize("depth", [0, 1, 2, 9])
def test_the_column_adds_up_at_every_depth(depth) -> None:
    model = nn.Sequential(nn.Linear(7, 11), nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(11, 5)), nn.Linear(5, 3)))
    result = summary(model, (2, 7), col_names=["num_params", "mult_adds"], depth=depth, verbose=0)
    rows = [line.split()[-2:] for line in str(result).splitlines()[3:-11]]
    numbers = [[int(cell.replace(",", "")) if cell != "--" else 0 for cell in row] for row in rows]
    assert [sum(column) for column in zip(*numbers, strict=True)] == [88 + 60 + 18, 154 + 110 + 30]


def test_layers_are_listed_without_inputs() -> None:
    model = nn.ModuleDict({"a": nn.Linear(7, 5), "b": nn.ModuleList([nn.LazyLinear(3)])})
    result = summary(model, verbose=0, row_settings=["var_names", "depth", "ascii_only"])
    assert [line.rstrip() for line in str(result).splitlines()[3:7]] == [
        "ModuleDict (ModuleDict)                  --",
        "+ Linear (a): 1-1                        40",
        "+ ModuleList (b): 1-2                    --",
        "|    + LazyLinear (0): 2-1               --",
    ]
    assert "mult-adds" not in str(result)
    assert (result.total_params, result.total_mult_adds, result.input_size) == (40, 0, [])


def test_batch_dim_puts_a_batch_of_one_in() -> None:
    assert summary(nn.Linear(7, 5), (3, 7), batch_dim=0, verbose=0).summary_list[0].input_size == [1, 3, 7]
    assert summary(nn.LSTM(7, 5), (3, 7), batch_dim=1, verbose=0).summary_list[0].output_size == [3, 1, 5]


def test_rows_are_what_users_know() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, (7, 11)), nn.Flatten())
    model[0].bias.requires_grad_(False)
    result = summary(model, (2, 3, 13, 17), verbose=0)
    conv = result.summary_list[1]
    assert isinstance(conv, LayerInfo)
    assert (conv.class_name, conv.var_name, conv.depth, conv.depth_index, conv.kernel_size) == (
        "Conv2d",
        "0",
        1,
        1,
        [7, 11],
    )
    assert (conv.num_params, conv.trainable_params, conv.trainable) == (1160, 1155, "Partial")
    assert (conv.input_size, conv.output_size, conv.output_bytes) == ([2, 3, 13, 17], [2, 5, 7, 7], 4 * 490)
    assert conv.module is model[0]
    assert conv.parent_info.module is model
    assert result.total_output_bytes == 2 * conv.output_bytes  # of layers with parameters, values and gradients
    assert (conv.is_leaf_layer, conv.is_recursive, conv.executed) == (True, False, True)
    assert result.summary_list[0].children == result.summary_list[1:]
    assert (result.total_params, result.trainable_params) == (1160, 1155)


def test_layout_is_read_when_printed() -> None:
    result = summary(nn.Linear(7, 5), (3, 7), verbose=0)
    result.formatting.macs_units = Units.NONE
    result.formatting.params_units = Units.MEGABYTES
    assert "Total params (M): 0.00" in str(result)
    assert "Total mult-adds: 105" in str(result)
    assert ModelStatistics.to_readable(7_000_000_000) == (Units.GIGABYTES, 7.0)
    assert ModelStatistics.format_output_num(7_000_000, Units.AUTO) == " (M): 7"
    assert ColumnSettings("mult_adds") is ColumnSettings.MULT_ADDS


def test_a_bound_says_so() -> None:
    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(7, 5)

        def forward(self, x):
            return self.fc(x[x[:, 0] > 0])

    assert "Total mult-adds (M): ≤0.00" in str(summary(Chosen(), (3, 7), verbose=0))


def test_pruned_parameters_are_those_that_the_mask_leaves() -> None:
    model = nn.Sequential(nn.Linear(7, 10))
    prune.l1_unstructured(model[0], "weight", 0.3)
    result = summary(model, (3, 7), verbose=0)
    assert (result.total_params, result.total_mult_adds) == (49 + 10, 3 * 70)
    assert [*result.summary_list[1].inner_layers] == ["bias", "weight"]


@pytest.mark.parametrize("mode", [None, "train", "eval", "same", Mode.TRAIN])
@pytest.mark.parametrize("faithful", [False, True])
def test_the_model_is_left_as_it_was(mode, faithful) -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Sequential(nn.Dropout(), nn.LazyConv2d(7, 3)))
    model[2].eval()
    model[0].register_forward_hook(lambda module, args, output: output * 2)
    before = state_of(model)
    summary(model, (2, 3, 13, 17), mode=mode, verbose=0, device="cuda", cache_forward_pass=True, faithful=faithful)
    assert state_of(model) == before
    with pytest.raises(AnalyzerError, match="channels"):
        summary(model, (2, 2, 13, 17), mode=mode, verbose=0, faithful=faithful)
    assert state_of(model) == before


def state_of(model: nn.Module) -> list[object]:
    held = []
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            inner = [(k, id(v)) for k, v in value.items()] if isinstance(value, dict) else None
            held.append((name, key, id(value), inner))
    return [*held, list(model.state_dict())]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_size": (3, 7), "input_data": torch.zeros(3, 7)}, "both given"),
        ({"input_size": (3, -7)}, "a size is a whole number above 0"),
        ({"input_size": ()}, "a size is a whole number above 0"),
        ({"input_size": "3, 7"}, "a shape or a list of shapes"),
        ({"input_size": (3, 7), "dtypes": []}, "1 sizes and 0 dtypes"),
        ({"input_size": (3, 7), "batch_dim": 5}, "batch_dim is from -3 to 2"),
        ({"input_data": 7}, "a tensor, a list of inputs by position, or a dict"),
        ({"input_size": (3, 7), "col_names": ["flops"]}, "there are kernel_size"),
        ({"col_names": ["mult_adds"]}, "without input_size or input_data nobody knows the columns mult_adds"),
        ({"input_size": (3, 7), "row_settings": ["depths"]}, "there are depth"),
        ({"input_size": (3, 7), "mode": "test"}, "there are train, eval, same"),
        ({"input_size": (3, 7), "verbose": 3}, "verbose is 0, 1 or 2"),
        ({"input_size": (3, 7), "col_width": 0}, "1 or more wide"),
        ({"input_size": (3, 7), "device": "gpu"}, "device"),
        ({"input_size": (3, 7), "depth": "3"}, "depth is a number, not '3'"),
        ({"input_size": (3, 7), "col_width": None}, "col_width is a whole number"),
        ({"input_size": (3, 7), "dtypes": torch.float32}, "dtypes is a list of dtypes"),
        ({"input_size": (3, 7), "batch_dim": "0"}, "batch_dim is a whole number"),
    ],
)
def test_wrong_calls_are_one_sentence(options, words) -> None:
    with pytest.raises(InputError, match=words):
        summary(nn.Linear(7, 5), **options)


def test_only_modules_are_summarized() -> None:
    with pytest.raises(InputError, match=r"the model is an nn\.Module"):
        summary(torch.relu, (3, 7))


def test_quiet_where_python_is_interactive(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    summary(nn.Linear(7, 5), (3, 7))
    assert not capsys.readouterr().out
    assert RowSettings.DEPTH == "depth"


def test_layers_that_others_share_are_counted_at_each_call() -> None:
    shared = nn.Linear(7, 7)
    model = nn.Sequential(nn.Sequential(shared, nn.ReLU()), nn.Sequential(shared, nn.Tanh()))
    result = summary(model, (3, 7), verbose=0, col_names=["num_params", "mult_adds"], depth=5)
    assert (result.total_mult_adds, result.total_params) == (2 * 147, 56)
    assert str(result).count("(recursive)") == 3  # the layer, and what torchinfo shows around it each time
    told = summary(model, (3, 7), verbose=0, faithful=True)
    assert (told.total_mult_adds, told.total_params) == (2 * 3 * 56, 3 * 56)  # measured with 1.8.0


def test_a_layer_of_ones_own_is_explained_at_its_product() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(7, 11))

        def forward(self, x):
            return (x + 1) @ self.weight

    graph = analyze(nn.Sequential(Own(), nn.ConvTranspose1d(5, 3, 2)), (2, 5, 7)).graph
    reading = TOOLS["torchinfo"].read(graph)
    counted = {node.op: said for node, said in zip(graph, reading.counts, strict=True) if said}
    assert counted == {"matmul": 2 * 77, "conv_transpose1d": (30 + 3) * 2 * 12}
    assert [*reading.causes.values()] == ["transposed convolutions counted on their output"]
