"""The Kubernetes API, through the socket of kubectl proxy."""
