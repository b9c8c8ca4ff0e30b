"""The trained model as a thing: what it was built and trained with, beside its weights."""

from invplat.model.lineage import lineage_of
from invplat.model.preparation import Preparation
from invplat.model.trained import Model

__all__ = ["Model", "Preparation", "lineage_of"]
