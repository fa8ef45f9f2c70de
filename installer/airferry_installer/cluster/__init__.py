"""The cluster: a client over `kubectl proxy`, and what its answers mean."""
