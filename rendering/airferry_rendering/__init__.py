"""Charts and manifests to objects; images found and pinned."""
