"""What the third party ships: a custom operator without a fake, and a layer that uses it."""

import torch
from torch import nn

library = torch.library.Library("plugin_sample", "FRAGMENT")
if not hasattr(torch.ops.plugin_sample, "swirl"):
    library.define("swirl(Tensor input, int turns) -> Tensor")
    library.impl("swirl", lambda x, turns: x.repeat(1, turns), "CPU")


class Swirl(nn.Module):
    """Calls the operator."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self.turns = turns

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return torch.ops.plugin_sample.swirl(input, self.turns)


class Gate(nn.Module):
    """A layer with weights that is one node: what it does inside is nobody's business."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input * torch.sigmoid(self.scale)
