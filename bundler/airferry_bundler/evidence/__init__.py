"""What `lock` finds out about the supply chain: SBOMs and provenance, which travel along."""
