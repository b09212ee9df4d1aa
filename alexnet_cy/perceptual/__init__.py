"""LPIPS: how different two images look, judged by AlexNet's features.

Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018. docs/lpips.md says how it is used and what others compute.
"""

from alexnet_cy.perceptual.comparison import Comparison
from alexnet_cy.perceptual.metric import LPIPS, lpips

__all__ = ["LPIPS", "Comparison", "lpips"]
