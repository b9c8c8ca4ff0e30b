"""A trained model, kept: its bytes first, then its row, so that hours of training never hang on the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invplat.core.errors import DatabaseError, Unknown

if TYPE_CHECKING:
    from invplat.cli.output import Output
    from invplat.registry.bundle import Bundle
    from invplat.registry.versions import Version
    from invplat.storage import Storage


def keep_registered(
    output: Output, storage: Storage, tenant: str | None, name: str, bundle: Bundle, *, study: str | None
) -> Version:
    from invplat.registry import versions

    made = versions.stored(storage, tenant, name, bundle, study=study)
    try:
        with output.database() as database:
            for registered in versions.register(database, [made]):
                return registered
    except DatabaseError as error:
        output.note(f"- {made.reference} is kept, but not registered yet: {error.message}")
        output.note("  it will be when it is next looked at: invplat models list")
        return made
    storage.remove(str(made.prefix))
    raise Unknown(f"tenant {tenant} was removed meanwhile", hint="nothing was kept")
