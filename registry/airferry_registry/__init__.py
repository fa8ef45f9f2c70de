"""References, credentials, streams to and from OCI registries, OCI layouts."""
