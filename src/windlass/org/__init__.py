"""The tree that workloads belong to: tenant, clusters, departments, projects, node pools."""
