"""From history to demand, lead time and order in one net: as its document describes it, and ours."""

from invplat_workloads.e2e.as_written import E2EModel, custom_loss

__all__ = ["E2EModel", "custom_loss"]
