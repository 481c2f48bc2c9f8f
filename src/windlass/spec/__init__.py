"""The parts that the specs of workloads are made of: what each may say, and what must agree."""
