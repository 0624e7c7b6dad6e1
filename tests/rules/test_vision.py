"""torchvision's operators: shapes against torchvision itself, counts against a pencil."""

import subprocess
import sys

import pytest
import torch

from analyzer import ShapeError, TensorSpec, analyze
from analyzer.counts import Counts

ops = pytest.importorskip("torchvision").ops

MAP = torch.zeros(2, 12, 15, 14)
BOXES = torch.tensor([[0.0, 0, 0, 14, 13], [1, 2, 3, 5, 7], [1, 0, 0, 1, 1]])
OUT = 3 * 12 * 5 * 7  # boxes, channels, bins
BENT = 2 * 18 * 13 * 12  # images, two numbers for each of 9 places, outputs


# call -> the rule's name, its status, its counts
CALLS = {
    # 9 boxes are 36 pairs, sorted by 4 doublings
    "nms": (
        lambda boxes, scores: ops.nms(boxes, scores, 0.5),
        (torch.zeros(9, 4), torch.zeros(9)),
        "nms", "bounded", Counts(cmp=9 * 4 + 36 * 7, add=18 + 36 * 4, mul=9 + 36, div=36),
    ),
    # 4 points, 6 add and 3 mul each, then their mean
    "roi_align": (
        lambda x, boxes: ops.roi_align(x, boxes, (5, 7), sampling_ratio=2), (MAP, BOXES),
        "roi_align", "ruled", Counts(add=OUT * (4 * 6 + 3), mul=OUT * 4 * 3, div=OUT),
    ),
    "roi_align, as many points as it takes": (
        lambda x, boxes: ops.roi_align(x, boxes, (5, 7)), (MAP, BOXES),
        "roi_align", "bounded", Counts(add=OUT * (6 * 6 + 5), mul=OUT * 6 * 3, div=OUT),
    ),
    "roi_align, boxes in a list": (
        lambda x, one, other: ops.roi_align(x, [one, other], 1, sampling_ratio=1),
        (MAP, BOXES[:2, 1:], BOXES[2:, 1:]),
        "roi_align", "ruled", Counts(add=36 * 6, mul=36 * 3, div=36),
    ),
    "ps_roi_align": (
        lambda x, boxes: ops.ps_roi_align(x, boxes, (2, 3), sampling_ratio=1), (MAP, BOXES),
        "ps_roi_align", "ruled", Counts(add=3 * 12 * 6, mul=3 * 12 * 3, div=3 * 12),
    ),
    # bins of 3 rows and 2 columns
    "roi_pool": (
        lambda x, boxes: ops.roi_pool(x, boxes, (5, 7)), (MAP, BOXES),
        "roi_pool", "bounded", Counts(cmp=OUT * (3 * 2 - 1)),
    ),
    # 15 rows in 2 bins, 14 columns in 3: no bin holds more than 8 + 1 rows, 5 + 1 columns
    "ps_roi_pool": (
        lambda x, boxes: ops.ps_roi_pool(x, boxes, (2, 3)), (MAP, BOXES),
        "ps_roi_pool", "bounded", Counts(add=36 * (9 * 6 - 1), div=36),
    ),
    "deform_conv2d": (
        lambda x, offset, weight: ops.deform_conv2d(x, offset, weight),
        (MAP, torch.zeros(2, 18, 13, 12), torch.zeros(10, 12, 3, 3)),
        "deform_conv2d", "ruled",
        Counts(
            mac=2 * 10 * 13 * 12 * 12 * 9, dot=2 * 10 * 13 * 12, mul=2 * 12 * 9 * 13 * 12 * 3,
            add=2 * 12 * 9 * 13 * 12 * 6 + BENT + 2 * 10 * 13 * 12,
        ),
    ),
    "deform_conv2d, groups and a mask": (
        lambda x, offset, weight, bias, mask: ops.deform_conv2d(x, offset, weight, bias, 2, 1, 2, mask),
        (MAP, torch.zeros(2, 36, 7, 6), torch.zeros(10, 6, 3, 3), torch.zeros(10), torch.zeros(2, 18, 7, 6)),
        "deform_conv2d", "ruled",
        Counts(
            mac=2 * 10 * 7 * 6 * 6 * 9, dot=2 * 10 * 7 * 6, mul=2 * 12 * 9 * 7 * 6 * 4,
            add=2 * 12 * 9 * 7 * 6 * 6 + 2 * 36 * 7 * 6 + 2 * 10 * 7 * 6,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "args", "name", "status", "counts"), CALLS.values(), ids=CALLS)
def test_calls(call, args, name, status, counts):
    answer = analyze(call, args)
    want = call(*args)
    if name != "nms":
        assert (answer.outputs.shape, answer.outputs.dtype) == (tuple(want.shape), want.dtype)
    else:
        assert (answer.outputs.shape, answer.outputs.dtype) == ((9,), want.dtype)
    (node,) = [node for node in answer.graph.nodes() if node.op == name]
    assert node.status == status
    assert counts is None or node.counts == counts


REJECTED = {
    "boxes of 3": (lambda x: ops.nms(x[0, 0, :9, :3], x[0, 0, :9, 0], 0.5), "4 numbers a box"),
    "scores": (lambda x: ops.nms(x[0, 0, :9, :4], x[0, 0, :8, 0], 0.5), "equally many, got 9 and 8"),
    "boxes without an image": (
        lambda x: torch.ops.torchvision.roi_align(x, x[0, 0, :3, :4], 1.0, 2, 2, 1, False),
        "the image and",
    ),
    "bins": (lambda x: ops.ps_roi_pool(x, x[0, 0, :3, :5], 5), "5 x 5 bins"),
    "channels": (
        lambda x: ops.deform_conv2d(x[:, :10], x.new_zeros(2, 18, 13, 12), x.new_zeros(10, 12, 3, 3)),
        "channels",
    ),
    "offsets": (
        lambda x: ops.deform_conv2d(x, x.new_zeros(2, 18, 13, 13), x.new_zeros(10, 12, 3, 3)),
        "offset must have",
    ),
}


@pytest.mark.parametrize(("call", "words"), REJECTED.values(), ids=REJECTED)
def test_rejected(call, words):
    with pytest.raises((RuntimeError, ValueError)):
        call(MAP)
    with pytest.raises(ShapeError, match=words):
        analyze(call, (TensorSpec(MAP.shape),))


def test_rules_do_without_torchvision():
    code = "import sys, rules; sys.exit('torchvision' in sys.modules or 'torchvision::nms' not in rules.RULES)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
