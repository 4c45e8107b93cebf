"""Event cameras: recordings (`nmnist`), their simulator, encoders, and the data sets made of them. Book chapter: 09."""
from . import data, encodings, nmnist, simulator

__all__ = ["data", "encodings", "nmnist", "simulator"]
