"""A trained model: a net with all that it needs to be asked again, today or from a bundle years later.

Knows no workload by name: it is found by its entry point. Knows no storage: `registry` keeps bundles.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import torch

from invplat.core.errors import BundleRefused
from invplat.core.space import Params
from invplat.data.layout import Layout
from invplat.model.preparation import Preparation
from invplat.registry.bundle import Bundle, packed
from invplat.workload import Prediction, Spec, Workload, find

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Windows

AT_ONCE = 4096  # windows a step


@dataclass
class Model:
    workload: Workload
    params: Params
    spec: Spec
    layout: Layout
    preparation: Preparation
    module: torch.nn.Module
    lineage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def predict(
        self, windows: Windows, *, panels: Sequence[Panel] = (), lead_times: Sequence[LeadTimes] = ()
    ) -> Prediction:
        """Of every window, in their order, on the CPU. `panels` and `lead_times`: for workloads that decide."""
        device = next((tensor.device for tensor in self.module.state_dict().values()), torch.device("cpu"))
        source = self.workload.examples(windows, self.layout, panels=panels, lead_times=lead_times).to(str(device))
        self.module.eval()
        said = []
        for which in torch.split(torch.arange(len(source), device=device), AT_ONCE):
            batch = source.batch(which)
            outputs = self.module(**self.workload.inputs(self.module, batch))
            said.append(self.workload.predict(outputs, batch, self.layout))
        return joined(said)

    def bundle(self, shared: Collection[str] = ()) -> Bundle:
        """`shared`: tensors that others have alike, to be kept once for all of them."""
        documents = {
            "spec": asdict(self.spec),
            "params": dict(self.params),
            "layout": self.layout.to_json(),
            "preparation": self.preparation.to_json(),
            "lineage": plain(self.lineage),
            "metrics": plain(self.metrics),
            "input_schema": self.input_schema(),
        }
        state = self.module.state_dict()
        own = {name: value for name, value in state.items() if name not in shared}
        common = {name: value for name, value in state.items() if name in shared}
        return Bundle(self.workload.name, documents, packed(own), packed(common) if common else None)

    def alike(self, other: Model) -> set[str]:
        """Tensors that both have, bit for bit."""
        theirs = other.module.state_dict()
        return {
            name
            for name, value in self.module.state_dict().items()
            if name in theirs and _form(theirs[name]) == _form(value) and torch.equal(theirs[name], value)
        }

    def input_schema(self) -> dict[str, Any]:
        """What a business brings, and the columns that are made of it, in the order the net was built for."""
        return {
            "frequency": self.preparation.frequency,
            "past": self.layout.past,
            "horizon": self.layout.horizon,
            "columns": [asdict(column) for column in self.workload.columns],
            "seen": list(self.layout.sees.names),
            "divided_by_level": list(self.layout.quantities),
            "known_ahead": list(self.layout.ahead.names),
            "static": list(self.layout.static.names),
            "ids": dict(self.layout.ids),
        }

    @classmethod
    def of(cls, bundle: Bundle) -> Model:
        documents = bundle.documents
        workload = find(bundle.workload)
        try:
            raw = dict(documents["spec"])
            spec = Spec(**raw | {name: tuple(raw[name]) for name in ("quantiles", "ids")})
            layout = Layout.from_json(documents["layout"])
            preparation = Preparation.from_json(documents["preparation"])
        except (KeyError, TypeError) as error:
            raise BundleRefused(
                f"a document of this {bundle.workload} is not what this invplat writes: {error!r}",
                hint="use the invplat that its lineage names, or train again",
            ) from error
        params = workload.space.complete(dict(documents["params"]))
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced: nobody's chance is used up
            module = workload.build(params, layout)
        restore(module, bundle.tensors)
        return cls(
            workload,
            params,
            spec,
            layout,
            preparation,
            module.eval(),
            dict(documents["lineage"]),
            dict(documents["metrics"]),
        )


def restore(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Every tensor of the net, by name, shape and kind; nothing more, nothing less."""
    wanted = module.state_dict()
    odd = [f"{name} is missing" for name in wanted if name not in tensors]
    odd += [f"{name} is not known" for name in tensors if name not in wanted]
    for name in wanted:
        if name in tensors and _form(tensors[name]) != _form(wanted[name]):
            odd.append(f"{name} is {_form(tensors[name])}, not {_form(wanted[name])}")
    if odd:
        shown = "; ".join(odd[:3]) + (f"; and {len(odd) - 3} more" if len(odd) > 3 else "")
        raise BundleRefused(
            f"the weights do not fit the net: {shown}",
            hint="the workload has changed since: install the version that made the bundle, or train again",
        )
    module.load_state_dict(dict(tensors))


def joined(parts: Sequence[Prediction]) -> Prediction:
    """The windows of one after those of the other."""
    found: dict[str, Any] = {}
    for name in (each.name for each in fields(Prediction)):
        values = [getattr(part, name) for part in parts]
        whole = isinstance(values[0], torch.Tensor)
        found[name] = torch.cat([value.cpu() for value in values]) if whole else values[0]
    return Prediction(**found)


def plain(value: Any) -> Any:
    """As JSON has it: NumPy's numbers as Python's, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _form(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
