"""torchvision's AlexNet as a torch module, without torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


def as_torch_module(torch: Any, tensors: Mapping[str, np.ndarray], flatten: str = "flatten") -> Any:
    """Return torchvision's AlexNet with these weights, whatever their numbers of channels.

    Parameters
    ----------
    torch : module
    tensors : mapping of str to float32 array
        By canonical name, in the order of the layers.
    flatten : {"flatten", "view"}
        How the image becomes a row: as today, or as until 2019.
    """
    nn = torch.nn
    channels = [3, *(tensors[f"conv{i}.bias"].size for i in range(1, 6))]
    features = [tensors["fc6.weight"].shape[1], *(tensors[f"fc{i}.bias"].size for i in (6, 7, 8))]
    settings = [(11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)]

    class AlexNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = []
            for i, (size, stride, padding) in enumerate(settings):
                layers += [nn.Conv2d(channels[i], channels[i + 1], size, stride, padding)]
                layers += [nn.ReLU(inplace=True)]
                layers += [nn.MaxPool2d(3, 2)] if i in (0, 1, 4) else []
            self.features = nn.Sequential(*layers)
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(
                nn.Dropout(),
                nn.Linear(features[0], features[1]),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(features[1], features[2]),
                nn.ReLU(inplace=True),
                nn.Linear(features[2], features[3]),
            )

        def forward(self, x: Any) -> Any:
            x = self.avgpool(self.features(x))
            x = torch.flatten(x, 1) if flatten == "flatten" else x.view(x.size(0), features[0])
            return self.classifier(x)

    module = AlexNet()
    values = (torch.from_numpy(array) for array in tensors.values())
    module.load_state_dict(dict(zip(module.state_dict(), values, strict=True)))
    return module
