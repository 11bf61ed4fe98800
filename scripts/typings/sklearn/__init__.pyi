"""Stands in for scikit-learn in pyright: what HEF calls of it, since finding the types of its functions takes long."""
