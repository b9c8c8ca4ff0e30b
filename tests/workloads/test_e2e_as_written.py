"""The end-to-end model as written: shapes, signs, gradients, the loss's weights."""

from __future__ import annotations

import pytest
import torch

from invplat_workloads.e2e import E2EModel, custom_loss
from invplat_workloads.e2e.as_written import _same

ROWS, TIME, FEATURES, HORIZON = 7, 15, 6, 5


def model(layers: int = 5) -> E2EModel:
    torch.manual_seed(0)
    return E2EModel(
        seq_len=TIME,
        n_dyn_fea=FEATURES,
        n_outputs=HORIZON,
        n_dilated_layers=layers,
        kernel_size=2,
        n_filters=3,
        dropout_rate=0.01,
        max_cat_id=[100, 50],
    )


def inputs(rows: int = ROWS) -> tuple[torch.Tensor, ...]:
    source = torch.Generator().manual_seed(1)
    categories = torch.stack([torch.arange(rows) % 101, torch.arange(rows) % 51], dim=1)
    history = [torch.randn(rows, TIME, generator=source) for _ in range(3)]
    return torch.randn(rows, TIME, FEATURES, generator=source), categories, *history


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_three_outputs_of_their_shapes(layers: int) -> None:
    demand, order, lead_time = model(layers)(*inputs())
    assert demand.shape == (ROWS, HORIZON)
    assert order.shape == lead_time.shape == (ROWS, 1)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_padding_is_what_same_means() -> None:
    built = model()
    state = torch.randn(2, FEATURES, TIME)
    for layer in built.conv_layers:
        plain = torch.nn.Conv1d(layer.in_channels, 3, 2, padding="same", dilation=layer.dilation)
        plain.load_state_dict(layer.state_dict())
        padded = layer(_same(state, layer))
        assert torch.allclose(padded, plain(state), atol=1e-6)
        state = padded


def test_an_order_and_a_lead_time_are_never_negative() -> None:
    _, order, lead_time = model()(*inputs(500))
    assert (order >= 0).all()
    assert (lead_time >= 0).all()


def test_sizes_are_the_documents() -> None:
    built = model()
    assert [embedding.embedding_dim for embedding in built.embeddings] == [5, 4]
    assert [layer.dilation[0] for layer in built.conv_layers] == [1, 2, 4, 8, 16]
    assert built.final_conv.in_channels == 6
    assert built.dense1.in_features == 8 * TIME + 9
    assert built.layer3_dense.in_features == 64 + 16 + TIME


def test_the_loss_weighs_the_order_most() -> None:
    zeros = (torch.zeros(3, 5), torch.zeros(3, 1), torch.zeros(3, 1))
    for position, weight in enumerate((0.05, 0.9, 0.05)):
        off = tuple(tensor + 2.0 if place == position else tensor for place, tensor in enumerate(zeros))
        assert custom_loss(zeros, off).item() == pytest.approx(4 * weight)  # type: ignore[arg-type]


def test_every_weight_learns() -> None:
    built = model()
    target = (torch.ones(64, HORIZON), torch.full((64, 1), 3.0), torch.full((64, 1), 2.0))
    before = custom_loss(target, built(*inputs(64))).item()
    optimizer = torch.optim.Adam(built.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        loss = custom_loss(target, built(*inputs(64)))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * before
    assert all(parameter.grad is not None for parameter in built.parameters())
