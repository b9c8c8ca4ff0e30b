"""The end-to-end model as its document describes it: from history to demand, lead time and order in one net.

Layer names and sizes follow the document, so that weights trained elsewhere fit. Knows tensors only; what fills them is
the workload's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 8  # of the convolution that joins the first and the last
WEIGHTS = (0.05, 0.9, 0.05)  # of demand, order and lead time in the loss

Outputs = tuple[Tensor, Tensor, Tensor]  # demand (n, horizon), order (n, 1), lead time (n, 1)


class E2EModel(nn.Module):
    def __init__(
        self,
        seq_len: int,
        n_dyn_fea: int,
        n_outputs: int,
        n_dilated_layers: int,
        kernel_size: int,
        n_filters: int,
        dropout_rate: float,
        max_cat_id: Sequence[int],
    ) -> None:
        super().__init__()
        widths = [math.ceil(math.log(largest + 1)) for largest in max_cat_id]
        self.embeddings = nn.ModuleList(
            nn.Embedding(largest + 1, width) for largest, width in zip(max_cat_id, widths, strict=True)
        )
        embedded = sum(widths)
        self.conv_layers = nn.ModuleList(
            nn.Conv1d(n_dyn_fea if i == 0 else n_filters, n_filters, kernel_size, dilation=2**i)
            for i in range(n_dilated_layers)
        )
        joined = 2 * n_filters if n_dilated_layers > 1 else n_filters
        self.final_conv = nn.Conv1d(joined, CHANNELS, 1)
        self.dropout = nn.Dropout(dropout_rate)
        self.dense1 = nn.Linear(CHANNELS * seq_len + embedded, 64)
        self.output_layer = nn.Linear(64, n_outputs)
        self.vlt_dense1 = nn.Linear(seq_len + embedded, 16)
        self.vlt_dense2 = nn.Linear(16, 1)
        self.layer3_dense = nn.Linear(64 + 16 + seq_len, 32)
        self.layer4_dense1 = nn.Linear(32 + seq_len, 64)
        self.layer4_dense2 = nn.Linear(64, 1)

    def forward(
        self, sequence: Tensor, categories: Tensor, lead_times: Tensor, reviews: Tensor, stock: Tensor
    ) -> Outputs:
        """`sequence` is (n, time, features), `categories` (n, ids), the others (n, time)."""
        names = [embedding(categories[:, i]) for i, embedding in enumerate(self.embeddings)]
        embedded = torch.cat(names, dim=1) if names else sequence.new_zeros(len(sequence), 0)
        demand_state = functional.relu(self.dense1(torch.cat([self._convolved(sequence), embedded], dim=1)))
        demand_state = self.dropout(demand_state)
        vlt_state = functional.relu(self.vlt_dense1(torch.cat([lead_times, embedded], dim=1)))
        review_state = functional.relu(self.layer3_dense(torch.cat([demand_state, vlt_state, reviews], dim=1)))
        order_state = functional.relu(self.layer4_dense1(torch.cat([review_state, stock], dim=1)))
        order = functional.relu(self.layer4_dense2(self.dropout(order_state)))
        return self.output_layer(demand_state), order, functional.relu(self.vlt_dense2(vlt_state))

    def _convolved(self, sequence: Tensor) -> Tensor:
        """Every time step as channels, what the first layer saw beside what the last one did."""
        state = sequence.transpose(1, 2)
        first = None
        for layer in self.conv_layers:
            state = self.dropout(functional.relu(layer(_same(state, layer))))
            first = state if first is None else first
        if first is not None and len(self.conv_layers) > 1:
            state = torch.cat([first, state], dim=1)
        return functional.relu(self.final_conv(state)).flatten(1)


def _same(state: Tensor, layer: nn.Module) -> Tensor:
    """Zeros around, so that the length stays: what padding="same" does, without its warning for even kernels."""
    assert isinstance(layer, nn.Conv1d)  # ours; ModuleList has forgotten the type
    total = layer.dilation[0] * (layer.kernel_size[0] - 1)
    return functional.pad(state, (total // 2, total - total // 2))


def custom_loss(y_true: Outputs, y_pred: Outputs) -> Tensor:
    """Squared errors of demand, order and lead time, the order counting most."""
    losses = [functional.mse_loss(said, was) for was, said in zip(y_true, y_pred, strict=True)]
    return torch.stack([weight * loss for weight, loss in zip(WEIGHTS, losses, strict=True)]).sum()
