"""`invplat models export`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("export")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", metavar="NAME", help="Whose model [a base].")
@click.option(
    "--format",
    "form",
    type=click.Choice(("onnx", "torch-export")),
    default="onnx",
    show_default=True,
    help="For any runtime, or for torch.",
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to write."
)
@common
@pass_output
def command(output: Output, model: str, tenant: str | None, form: str, out: Path) -> None:
    """Write a model's net for other programs: named tensors in, named tensors out, any number of examples at once.

    What is written was read back and gave the net's own answers on two sizes of batch. Beside it FILE.json tells the
    inputs, how numbers are scaled, the vocabularies and the quantile levels.

    \b
    Example:
      invplat models export mlp@3 --tenant corner-shop --format onnx --out mlp.onnx
    """
    import json

    from invplat.core.files import write_whole
    from invplat.model.export import exported
    from invplat.model.trained import Model
    from invplat.registry.models import open_bundle, reference, resolve
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    name, version = reference(model)
    number = resolve(storage, tenant, name, version)
    with output.progress(1, "exporting") as step:
        made = exported(Model.of(open_bundle(storage, tenant, name, number)), form)
        step.advance()
    beside = out.with_name(f"{out.name}.json")
    described = {"tenant": tenant, "name": name, "version": number, **made.description}
    write_whole(out, made.content)
    write_whole(beside, json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False).encode())
    verified = made.description["verified"]
    output.result(
        {
            "model": f"{name}@{number}",
            "format": form,
            "file": str(out),
            "description": str(beside),
            "size_kb": round(len(made.content) / 1000, 1),
            "inputs": [each["name"] for each in made.description["inputs"]],
            "outputs": [each["name"] for each in made.description["outputs"]],
            "batches_compared": verified["batches"],
            "largest_difference": verified["largest_difference"],
        }
    )
