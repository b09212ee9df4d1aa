"""Files that the package reads: `imagenet_classes.tsv`, see `alexnet_cy.labels`."""
