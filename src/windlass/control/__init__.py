"""The control loop: what wakes it, what runs when, who may run it. Not what it does."""
