"""A net for other programs: named tensors in, named tensors out, any number of examples at once; ONNX or torch.export.

What was made is read back and asked beside the net itself before anyone gets it. How a business's panels become those
tensors is the workload's; the description tells columns, scaling and vocabularies.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from invplat.core.errors import MissingExtra, SettingRefused
from invplat.model.specimen import specimen_lead_times, specimen_panel, specimen_windows
from invplat.model.trained import Model
from invplat.workload import Source

FORMATS = ("onnx", "torch-export")
TRACED = 5  # examples that the net is followed with
SIZES = (1, 33)  # batches that are compared
WITHIN = 1e-5
BATCH = "n"  # what the free axis is called

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Exported:
    content: bytes
    description: dict[str, Any]  # JSON


@torch.no_grad()
def exported(model: Model, form: str) -> Exported:
    if form not in FORMATS:
        raise SettingRefused(f"format {form!r} is not known", hint=f"write {' or '.join(FORMATS)}")
    if form == "onnx":
        _onnx_installed()
    source = _specimen(model)
    model.module.eval()
    asked = _inputs(model, source, TRACED)
    with _quiet():
        program = _traced(model, asked)
        places = _answers(program, tuple(model.module(**asked)))
        answers = tuple(places)
        content = _as_onnx(program, places) if form == "onnx" else _as_archive(program)
        taken, ask = _onnx_reader(content, answers) if form == "onnx" else _archive_reader(content, asked)
    outputs = {name: tensor for name, tensor in model.module(**asked).items() if name in answers}
    worst = max(_difference(model, _inputs(model, source, size), answers, ask) for size in SIZES)
    description = {
        "format": form,
        "workload": model.workload.name,
        "inputs": [_described(name, asked[name]) for name in taken],
        "outputs": [_described(name, tensor) for name, tensor in outputs.items()],
        "quantiles": list(model.layout.quantiles),
        "input_schema": model.input_schema(),
        "scaling": model.layout.to_json(),
        "preparation": model.preparation.to_json(),
        "lineage": dict(model.lineage),
        "verified": {"batches": list(SIZES), "largest_difference": worst, "within": WITHIN},
    }
    return Exported(content, description)


def _specimen(model: Model) -> Source:
    panel = specimen_panel(model.layout, model.preparation.frequency, max(SIZES))
    cut = specimen_windows(model.layout, panel)
    return model.workload.examples(cut, model.layout, panels=[panel], lead_times=[specimen_lead_times(panel)])


def _inputs(model: Model, source: Source, size: int) -> Tensors:
    return model.workload.inputs(model.module, source.batch(torch.arange(size)))


def _traced(model: Model, asked: Tensors) -> torch.export.ExportedProgram:
    free = torch.export.Dim(BATCH, min=1)
    try:
        program = torch.export.export(
            model.module,
            args=(),
            kwargs=dict(asked),
            dynamic_shapes={name: {0: free} for name in asked},
            strict=True,  # follows len(tensor) too, where the other way would fix the size of a batch
        )
    except Exception as error:  # whatever of the net torch can't follow has an error of its own kind
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingRefused(
            f"workload {model.workload.name} can't be exported: {first}",
            hint="its forward must be torch all through and leave the number of examples free; -v tells where it isn't",
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of the machine that made it
    return program


def _answers(program: torch.export.ExportedProgram, outputs: tuple[str, ...]) -> dict[str, int]:
    """Outputs that the net makes, and which each is; those that it only hands on are the caller's own already."""
    signature = program.graph_signature
    pairs = enumerate(zip(outputs, signature.user_outputs, strict=True))
    return {name: place for place, (name, made) in pairs if made not in signature.user_inputs}


def _as_archive(program: torch.export.ExportedProgram) -> bytes:
    stream = io.BytesIO()
    torch.export.save(program, stream)
    return stream.getvalue()


def _archive_reader(content: bytes, asked: Tensors) -> tuple[tuple[str, ...], Callable[[Tensors], Tensors]]:
    program: Any = torch.export.load(io.BytesIO(content)).module()

    def ask(inputs: Tensors) -> Tensors:
        return dict(program(**inputs))

    return tuple(asked), ask


def _as_onnx(program: torch.export.ExportedProgram, places: dict[str, int]) -> bytes:
    made = torch.onnx.export(program, dynamo=True, external_data=False, verbose=False)
    if made is None:
        raise SettingRefused("torch made no ONNX of this net", hint="use --format torch-export")
    graph = made.model.graph
    symbols = {str(axis) for value in graph.inputs for axis in value.shape or () if not isinstance(axis, int)}
    made.rename_axes(dict.fromkeys(symbols, BATCH))
    taken = program.graph_signature.user_inputs
    twice = [name for name in places if name in taken]
    if twice:
        raise SettingRefused(
            f"the net takes and gives {twice[0]}, and ONNX has one value a name", hint="use --format torch-export"
        )
    for number, node in enumerate(graph):
        node.metadata_props.clear()
        for place, value in enumerate(node.outputs):
            value.name = f"value_{number}_{place}"  # torch's names may be those of answers
    for value, name in zip(graph.inputs, taken, strict=True):
        value.name = str(name)
    for place in reversed(range(len(graph.outputs))):
        if place not in places.values():
            del graph.outputs[place]
    for value, name in zip(graph.outputs, places, strict=True):
        value.name = name
    content: bytes = made.model_proto.SerializeToString()
    return content


def _onnx_reader(content: bytes, answers: tuple[str, ...]) -> tuple[tuple[str, ...], Callable[[Tensors], Tensors]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    taken = tuple(each.name for each in session.get_inputs())  # what the net ignores is not asked for

    def ask(inputs: Tensors) -> Tensors:
        said = session.run(list(answers), {name: inputs[name].numpy() for name in taken})
        return {name: torch.from_numpy(values) for name, values in zip(answers, said, strict=True)}

    return taken, ask


def _difference(model: Model, inputs: Tensors, answers: tuple[str, ...], ask: Callable[[Tensors], Tensors]) -> float:
    """The largest, relative to what is more than 1."""
    expected, found = model.module(**inputs), ask(inputs)
    worst = 0.0
    for name in answers:
        tensor = expected[name]
        if found[name].shape != tensor.shape:
            raise SettingRefused(
                f"the export says {name} as {list(found[name].shape)}, the net as {list(tensor.shape)}",
                hint="use the other format, and tell us",
            )
        apart = (found[name].double() - tensor.double()).abs() / tensor.double().abs().clamp(min=1)
        worst = max(worst, float(apart.max()))
    if not worst <= WITHIN:
        raise SettingRefused(
            f"the export is {worst:.1e} from the net, more than {WITHIN:.0e}", hint="use the other format, and tell us"
        )
    return worst


def _described(name: str, tensor: torch.Tensor) -> dict[str, Any]:
    return {"name": name, "dtype": str(tensor.dtype).removeprefix("torch."), "shape": [BATCH, *tensor.shape[1:]]}


def _onnx_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"ONNX needs {error.name}, which is not installed", hint="pip install 'invplat[export]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn of their own code's future."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
