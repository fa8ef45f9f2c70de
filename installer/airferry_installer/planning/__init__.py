"""From a rendered release and the live cluster to a plan: pure functions over objects."""
