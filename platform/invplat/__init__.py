"""invplat: one base model learnt from many stores, adapted to each business, served as forecasts and orders."""

__version__ = "0.1.0"
