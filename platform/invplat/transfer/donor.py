"""Which donor is nearest to a tenant: the one that, untouched, errs least on the tenant's own history.

A base, or the model of a business that was adapted before; whoever may be a donor is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from invplat.core.errors import DatasetError, UserError
from invplat.model import Model
from invplat.transfer.examples import examples_of
from invplat.transfer.judge import Errors, Held, model_said
from invplat.transfer.tenants import Tenant

MOST = 600  # windows of each part that donors are compared on


@dataclass(frozen=True)
class Near:
    name: str
    error: float  # of its quantiles, as a share of what was sold


def nearest(tenant: Tenant, donors: Mapping[str, Model], *, most: int = MOST) -> list[Near]:
    """Nearest first, all judged on the same windows of the tenant's latest history; those that can't answer for it, as
    they count in other periods, are left out. The first of `donors` wins where errors are equal."""
    if not donors:
        raise DatasetError("there is no donor to choose among", hint="train a base first: invplat train")
    fitting = {name: model for name, model in donors.items() if model.preparation.frequency == tenant.frequency}
    found = []
    trouble = f"none of {', '.join(donors)} is {tenant.frequency}"
    if fitting:
        # The shortest horizon, so that nobody answers for more than it learnt to.
        judge = min(fitting.values(), key=lambda model: model.spec.horizon)
        examples = examples_of(judge, tenant, most=most)
        held = Held.of(examples)
        for name, model in fitting.items():
            try:
                error = Errors.of(held, model_said(model, examples, held)).share
            except UserError as refused:
                trouble = f"{name} can't answer for {tenant.name}: {refused.message}"
                continue
            found.append(Near(name, error))
    if not found:
        raise DatasetError(trouble, hint=f"train a {tenant.frequency} base, or read the tenant in another frequency")
    return sorted(found, key=lambda near: near.error)
