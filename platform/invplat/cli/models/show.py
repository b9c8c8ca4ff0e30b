"""`invplat models show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.registry.database import Database
    from invplat.registry.versions import Version
    from invplat.storage import Storage

SHOWN = ("spec", "params", "lineage", "metrics")


@click.command("show")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", metavar="NAME", help="Whose model [a base].")
@common
@pass_output
def command(output: Output, model: str, tenant: str | None) -> None:
    """Show what a model is and where it comes from: data, code, params, donor, metrics, the gate's verdict, its bytes.

    The newest version by default; without --tenant, a base.

    \b
    Example:
      invplat models show mlp@3 --tenant corner-shop
    """
    from invplat.cli.sight import seen_models
    from invplat.registry import aliases, versions
    from invplat.registry.models import reference, resolve
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    name, number = reference(model)
    with output.database() as database:
        there, trouble = seen_models(output, database, storage, tenant)
        mine = [one for one in there if one.name == name and number in (None, one.number)]
        if not mine:
            resolve(storage, tenant, name, number)  # refuses what isn't there, with what is
            raise _damaged(name, number, trouble)
        found = mine[-1]
        named = [
            f"{one.alias} of {one.workload}" for one in aliases.of_tenant(database, tenant) if one.model == found.id
        ]
        donor = versions.by_ids(database, [found.donor]).get(found.donor) if found.donor else None
        tried = _tried(database, storage, tenant, found)
    kilobytes = round(found.size / 1000, 1)
    documents, shared, damage = _documents(storage, found)
    content = {
        "tenant": tenant,
        "name": found.name,
        "version": found.number,
        "id": found.id,
        "workload": found.workload,
        "size_kb": kilobytes,  # its own
        "shared_kb": shared,
        "where": f"{storage.url}/{found.prefix}" if found.prefix else None,
        "digest": found.digest,
        "made": found.made,
        "code": found.code,
        "aliases": named,
        "datasets": [asdict(one) for one in found.datasets],
        "donor": _donor(found, donor),
        "study": found.study,
        "verdict": found.verdict,
        "tried": tried,
        "trouble": damage,
        **documents,
    }

    def draw() -> None:
        owner = f"of {tenant}" if tenant else "(a base)"
        beside = f" of its own, {shared:,} kB that others have alike" if shared else ""
        click.echo(f"{found.reference} {owner}: {found.workload}, {kilobytes:,} kB{beside}\n")
        data = [_data(one, tenant) for one in content["datasets"]]
        facts = {
            "is": named or None,
            "made": found.made[:16].replace("T", " "),
            "by invplat": found.code,
            "learnt from": ", ".join(data) or None,
            "began as": (content["donor"] or {}).get("model"),
            "params of study": found.study,
            "bytes": content["where"],
            "sealed by": found.digest,
            "id": found.id,
        }
        output.table([(key, value) for key, value in facts.items() if value], ("", ""))
        for title in ("verdict", *SHOWN):
            rows = list(_flat(content.get(title) or {}))
            if rows:
                output.table(rows, (title, ""))
        if tried is not None:
            click.echo(f"\n{tried['challenger']} is tried beside {tried['champion']}: {tried['sentence']}")
            _sides(output, tried)
        if damage:
            output.note(damage)

    output.result(content, table=draw)


def _tried(database: Database, storage: Storage, tenant: str | None, found: Version) -> dict[str, Any] | None:
    """Of a champion or its challenger: how the two came out on the same live questions."""
    from invplat.core.errors import InvplatError
    from invplat.evaluate.rivals import rivals
    from invplat.registry import aliases, versions

    if tenant is None:
        return None
    own = {one.alias: one.model for one in aliases.of_tenant(database, tenant) if one.workload == found.workload}
    pair = [own.get(aliases.CHAMPION), own.get(aliases.CHALLENGER)]
    if found.id not in pair or None in pair:
        return None
    champion, challenger = (str(one) for one in pair)
    names = {one.id: one.called for one in versions.by_ids(database, [champion, challenger]).values()}
    try:
        said = rivals(database, storage, tenant, champion, challenger).to_dict()
    except (InvplatError, OSError) as error:  # what the model is can be told all the same
        said = {"sentence": f"they could not be held against what came: {str(error).splitlines()[0]}"}
    return {"figures": said, "sentence": said["sentence"], "champion": names[champion], "challenger": names[challenger]}


def _sides(output: Output, tried: Mapping[str, Any]) -> None:
    figures = tried["figures"]
    if not figures.get("champion"):
        return
    rows = [(name, *(figures[side][name] for side in ("champion", "challenger"))) for name in figures["champion"]]
    output.table(rows, (f"{figures['cells']:,} forecasts", tried["champion"], tried["challenger"]))


def _documents(storage: Storage, found: Version) -> tuple[dict[str, Any], float, str | None]:
    """What the bundle says, and how many kB it shares; where it can't be read, what the registry remembers, and why."""
    from invplat.core.errors import BundleRefused
    from invplat.registry.bundle import read_documents, read_seal

    remembered = {"params": found.params, "metrics": found.metrics, "lineage": found.lineage}
    if found.prefix is None:
        return remembered, 0.0, None
    try:
        seal = read_seal(storage, found.prefix)
        documents = read_documents(storage, found.prefix, seal)
    except BundleRefused as error:
        return remembered, 0.0, error.message
    shared = round(seal.shared.size / 1000, 1) if seal.shared else 0.0
    return {title: documents[title] for title in (*SHOWN, "input_schema")}, shared, None


def _donor(found: Version, donor: Version | None) -> dict[str, Any] | None:
    if found.donor is None:
        return None
    if donor is None:
        return {"id": found.donor, "model": f"{found.donor}, which is gone", "tenant": None, "digest": None}
    owner = f"{donor.tenant}'s" if donor.tenant else "base"
    return {
        "id": donor.id,
        "model": f"{owner} {donor.reference}",
        "tenant": donor.tenant,
        "digest": donor.digest,
    }


def _data(one: Mapping[str, Any], tenant: str | None) -> str:
    owner = "" if one["tenant"] == tenant else f"{one['tenant']} "
    if one["tenant"] is None:
        owner = "a business that has left, "
    digest = f" ({one['digest'][:12]})" if one["digest"] else ""
    return f"{owner}v{one['version']}{digest}"


def _damaged(name: str, number: int | None, trouble: Mapping[str, str]) -> Exception:
    from invplat.core.errors import BundleRefused

    said = [why for text, why in trouble.items() if text == f"{name}@{number}" or text.startswith(f"{name}@")]
    return BundleRefused(said[0] if said else f"{name} can't be read", hint="use another version of the model")


def _flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """One line a value: `dataset.version  3`."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
