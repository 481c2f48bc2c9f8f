"""What workloads are made from, kept under a name in a part of the tree and used below it."""
