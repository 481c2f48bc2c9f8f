"""Data volumes as the published API has them: no `meta` and `spec`, and scopes they are shared
with. What is the same for every kind of asset is left to the core."""
