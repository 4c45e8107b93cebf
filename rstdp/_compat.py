"""One place for what this machine's packages need before they import."""

from __future__ import annotations

import importlib
import sys


def import_torchvision():
    """Return the torchvision module, also where its compiled operators do not load.

    torchvision's wheels on PyPI are built against CUDA; beside a CPU build of torch their import stops at
    `operator torchvision::nms does not exist`. Datasets and transforms need none of these operators, so declaring
    the two missing schemas is enough. Where torchvision imports by itself, nothing is touched.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    module = importlib.import_module("torchvision")
    vars(module)["_schemas"] = library  # the declarations live as long as the library object
    return module
