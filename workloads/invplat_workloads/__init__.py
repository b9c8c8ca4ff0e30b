"""The models that come with invplat, found by the platform through the entry-point group `invplat.workloads`."""
