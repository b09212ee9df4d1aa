"""AlexNet: the one class that joins the rooms, a file for each of its faces.

`running` has passes and plans, `looking` images, `describing` features, `learning` training, and
`network` the whole class, with where networks come from and go. Nearly all of it is documentation.
"""

from alexnet_cy.model.network import AlexNet

__all__ = ["AlexNet"]
