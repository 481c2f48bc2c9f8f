"""What a supervisor needs to run a container through the Docker API instead of a child process."""
