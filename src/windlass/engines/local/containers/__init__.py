"""Runs ordinary images in containers of an engine that speaks the Docker API: Docker or Podman."""
