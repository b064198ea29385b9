"""One script a claim: each runs Warren and its peers in turn on the same lab hosts, and prints ratios of that run."""
