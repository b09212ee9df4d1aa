"""Representational similarity: what a layer takes for alike, and how alike two layers are.

Only NumPy is needed. Features are arrays with a row for each image, of any further axes, such as
`AlexNet.features` returns.
"""

from alexnet_cy.rsa.alignment import cka
from alexnet_cy.rsa.comparing import compare
from alexnet_cy.rsa.matrices import rdm
from alexnet_cy.rsa.neighbours import Neighbours, nearest

__all__ = ["Neighbours", "cka", "compare", "nearest", "rdm"]
