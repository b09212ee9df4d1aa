"""Features of a collection on a Ray cluster; needs the extra ``ray``."""

from alexnet_cy.adapters.ray.shards import ShardWriter, write_features

__all__ = ["ShardWriter", "write_features"]
