"""``python -m alexnet_cy``: the command line."""

import sys

from alexnet_cy.cli import main

if __name__ == "__main__":
    sys.exit(main())
