"""What torchvision builds on its operators: boxes, losses, layers; the same outputs as torchvision, bounds flagged."""

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.counts import Counts

from .conftest import metadata

ops = pytest.importorskip("torchvision").ops

MAP, VOLUME = torch.rand(2, 12, 15, 14), torch.rand(2, 3, 7, 7, 7)
BOXES = torch.tensor([[0.0, 0, 5, 5], [1, 1, 6, 6], [2, 2, 9, 9], [0, 0, 3, 3], [4, 4, 8, 8]])
SCORES, KINDS = torch.rand(5), torch.tensor([0, 1, 0, 1, 1])
ROIS = torch.cat([torch.zeros(5, 1), BOXES], 1)
TURNED = torch.cat([BOXES, BOXES[:, :1]], 1)


class Pyramid(nn.Module):
    """Two maps to a pyramid, and boxes out of it."""

    def __init__(self):
        super().__init__()
        extra = ops.feature_pyramid_network.LastLevelMaxPool()
        self.pyramid = ops.FeaturePyramidNetwork([10, 20], 5, extra_blocks=extra)
        self.boxes = ops.MultiScaleRoIAlign(["a", "b"], 3, 2)

    def forward(self, a, b, boxes):
        maps = self.pyramid({"a": a, "b": b})
        return self.boxes(maps, [boxes], [(64, 64)]), maps


LAYERS = {
    "align": (ops.RoIAlign(3, 1.0, 2), MAP, ROIS), "align by position": (ops.PSRoIAlign(2, 1.0, 2), MAP, ROIS),
    "pool": (ops.RoIPool(3, 1.0), MAP, ROIS), "pool by position": (ops.PSRoIPool(2, 1.0), MAP, ROIS),
    "deformed": (ops.DeformConv2d(12, 10, 3), MAP, torch.zeros(2, 18, 13, 12)),
    "depth": (ops.StochasticDepth(0.5, "row"), MAP), "depth off": (ops.StochasticDepth(0.5, "batch").eval(), MAP),
    "blocks": (ops.DropBlock2d(0.5, 3), MAP), "blocks of a volume": (ops.DropBlock3d(0.5, 3), VOLUME),
    "squeezed": (ops.SqueezeExcitation(12, 3), MAP), "permuted": (ops.Permute([0, 2, 3, 1]), MAP),
    "mlp": (ops.MLP(7, [11, 13], norm_layer=nn.LayerNorm, dropout=0.1).eval(), torch.rand(5, 7)),
    "convolution": (ops.Conv2dNormActivation(12, 17, 5).eval(), MAP), "frozen": (ops.FrozenBatchNorm2d(12), MAP),
    "convolution of a volume": (ops.Conv3dNormActivation(3, 5).eval(), VOLUME),
    "pyramid": (Pyramid().eval(), torch.rand(1, 10, 16, 16), torch.rand(1, 20, 8, 8), BOXES),
}  # fmt: skip
FUNCTIONS = {
    "area": (ops.box_area, BOXES), "iou": (ops.box_iou, BOXES, BOXES[:3]),
    "clip": (lambda b: ops.clip_boxes_to_image(b, (7, 7)), BOXES),
    "generalized": (ops.generalized_box_iou, BOXES, BOXES[:3]), "distance": (ops.distance_box_iou, BOXES, BOXES[:3]),
    "complete": (ops.complete_box_iou, BOXES, BOXES[:3]), "masks": (ops.masks_to_boxes, torch.ones(3, 15, 14).bool()),
    "generalized loss": (lambda a, b: ops.generalized_box_iou_loss(a, b, "mean"), BOXES, BOXES),
    "distance loss": (lambda a, b: ops.distance_box_iou_loss(a, b, "sum"), BOXES, BOXES),
    "complete loss": (ops.complete_box_iou_loss, BOXES, BOXES),
    "focal": (lambda a, b: ops.sigmoid_focal_loss(a, b, reduction="mean"), BOXES, BOXES),
    "middles": (lambda b: ops.box_convert(b, "xyxy", "cxcywh"), BOXES),
    "corners": (lambda b: ops.box_convert(b, "xywh", "xyxy"), BOXES),
    "turned": (lambda b: ops.box_convert(b, "cxcywhr", "xyxyxyxy"), TURNED),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("call", "args"), [(c, a) for c, *a in (LAYERS | FUNCTIONS).values()], ids=LAYERS | FUNCTIONS)
def test_outputs(call, args):
    answer = analyze(call, tuple(args))
    assert metadata(answer.outputs) == metadata(call(*args))
    assert {node.status for node in answer.graph.nodes()} <= {"ruled", "folded", "bounded"}


CHOSEN = {
    "nms": (lambda b, s, k: ops.nms(b, s, 0.5), (5,)),
    "batched nms": (lambda b, s, k: ops.batched_nms(b, s, k, 0.5), (5,)),
    "large ones": (lambda b, s, k: ops.remove_small_boxes(b, 4.0), (5,)),
    "and their boxes": (lambda b, s, k: b[ops.nms(b, s, 0.5)], (5, 4)),
}


@pytest.mark.parametrize(("call", "shape"), CHOSEN.values(), ids=CHOSEN)
def test_what_data_choose_is_a_bound(call, shape):
    answer = analyze(call, (BOXES, SCORES, KINDS))
    want = call(BOXES, SCORES, KINDS)
    assert (answer.outputs.shape, answer.outputs.dtype) == (shape, want.dtype)
    assert all(most >= real for most, real in zip(shape, want.shape, strict=True))
    assert "bounded" in {node.status for node in answer.graph.nodes()}
    assert "≤5" in str(answer.outputs.shape)


def test_costs():
    # areas of 5 and 3 boxes; for 15 pairs the larger and smaller corners, two sides cut at 0, their product, the union
    iou = analyze(ops.box_iou, (BOXES, BOXES[:3])).counts
    assert iou == Counts(add=2 * 8 + 15 * (2 + 2), mul=8 + 15, div=15, cmp=15 * 6)
    # two sums of 12 maps of 15 x 14, two products of 12 and 3 numbers with their biases, and the gate
    squeezed = analyze(ops.SqueezeExcitation(12, 3), (MAP,)).counts
    assert (squeezed.mac, squeezed.mul, squeezed.div) == (2 * 2 * 36, MAP.numel(), 24)
    assert squeezed.add == 24 * 209 + 2 * 15
    # max pooling of the last map takes one number of every window: no comparison
    pyramid = analyze(Pyramid().eval().pyramid, ({"a": torch.rand(1, 10, 16, 16), "b": torch.rand(1, 20, 8, 8)},))
    assert pyramid.total("macs") == 5 * (256 * (10 + 45) + 64 * (20 + 45))
