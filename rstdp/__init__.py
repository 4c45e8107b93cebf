"""R-STDP in a deep convolutional network (Mozafari et al. 2019), exact against the authors' SpykeTorch, the oracle.

The model, in reading order (and the chapter of the book that builds it):

    encoding       pixels become spike times (1)          learning    a pass over the images: STDP, R-STDP (4 to 6)
    neuron         fires once (2)                         network     S1-C1-S2-C2-S3-C3, and its decision (5, 7)
    layers         convolution, pooling (3)               training    layer by layer, resumable (5 to 7)
    competition    who may learn (3)                      config      every number under its name
    plasticity     how weights change (4, 6)              data, files, handmade (a toy problem, 6 and 10)

Wings: `fast`, the compiled twins of the readable functions (8); `images` and `events`, what the network sees (1, 7, 9);
`show`, figures and the command line.
"""

from . import competition, encoding, events, handmade, images, layers, learning, neuron, plasticity
from .config import PAPER, SPYKETORCH, Config, Layer, get_config
from .data import Dataset, load
from .images.picture import load_image
from .network import SILENT, Network, load_pretrained
from .training import Trainer

__version__ = "0.1.0"
__all__ = ["PAPER", "SILENT", "SPYKETORCH", "Config", "Dataset", "Layer", "Network", "Trainer", "competition",
           "encoding", "events", "get_config", "handmade", "images", "layers", "learning", "load", "load_image",
           "load_pretrained", "neuron", "plasticity"]
