"""Work on tensors written out as the bare operations that it comes to, to be repeated on others of the same shapes.

Small nets take less arithmetic than it takes to find out, for every batch anew, which operations a stack of them comes
to. For shapes that stay the same these are the same, so they are watched once. Work that looks into its numbers to
decide what to do can't be written out. Watching touches nothing that another thread sees.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode

Named = Mapping[str, Tensor]
Work = Callable[[Sequence[Tensor]], Named]
ITEM = torch.ops.aten._local_scalar_dense.default
SIZED_BY_NUMBERS = {torch.ops.aten.nonzero.default, torch.ops.aten.masked_select.default}
SAME = {torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default, torch.ops.aten.expand.default}
CLOSE = 1e-6


def written(work: Work, inputs: Sequence[Tensor], others: Sequence[Tensor]) -> Work | None:
    """None where it can't be written out. `others`: as the inputs in shape and not in content, to see whether what was
    written says of them what the work says."""
    with torch.no_grad():
        watch = _Watch(inputs)
        try:
            with watch:
                said = work(inputs)
            program = watch.program(said)
            if _same(program(others), work(others)):
                return program
        except (_LooksInside, RuntimeError, KeyError):
            pass
    return None


class _LooksInside(Exception):
    pass


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Every operation that is really done, below whatever rewrites operations; it holds for its own thread only."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.constants: dict[str, Tensor] = {}
        self.nodes: dict[int, fx.Node] = {}
        self.alive: list[Any] = []  # an id is somebody else's once its tensor is gone
        for place, tensor in enumerate(inputs):
            self._is(tensor, self.graph.placeholder(f"input_{place}"))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: or the first batch waits until torch's compiler, which nobody uses here, has been imported."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is ITEM or func in SIZED_BY_NUMBERS or (func is torch.ops.aten.index.Tensor and _masks(args[1])):
            raise _LooksInside
        said = func(*args, **(kwargs or {}))
        if func in SAME and said.shape == args[0].shape:
            self._is(said, self._node(args[0]))
            return said
        words = fx.node.map_aggregate((tuple(args), dict(kwargs or {})), self._node)
        node = self.graph.call_function(func, *words)
        if isinstance(said, Tensor):
            self._is(said, node)
        else:
            for place, each in enumerate(said):
                self._is(each, self.graph.call_function(operator.getitem, (node, place)))
        return said

    def program(self, said: Named) -> Work:
        names = list(said)
        self.graph.output(tuple(self.nodes[id(said[name])] for name in names))
        root = torch.nn.Module()
        for name, value in self.constants.items():
            root.register_buffer(name, value)
        forward = fx.GraphModule(root, self.graph).forward

        def repeat(inputs: Sequence[Tensor]) -> Named:
            return dict(zip(names, forward(*inputs), strict=True))

        return repeat

    def _is(self, tensor: Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    def _node(self, value: Any) -> Any:
        """What nobody computed was there before, and stays as it is."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self.nodes:
            name = f"constant_{len(self.constants)}"
            self.constants[name] = value.detach()
            self._is(value, self.graph.get_attr(name))
        return self.nodes[id(value)]


def _masks(indices: Sequence[Tensor | None]) -> bool:
    return any(each is not None and each.dtype == torch.bool for each in indices)


def _same(one: Named, other: Named) -> bool:
    return one.keys() == other.keys() and all(
        value.shape == other[name].shape and torch.allclose(value, other[name], rtol=CLOSE, atol=CLOSE)
        for name, value in one.items()
    )
