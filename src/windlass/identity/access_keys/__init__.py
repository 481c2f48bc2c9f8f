"""Access keys, with which a user's own programs sign in as the user; before: user applications."""
