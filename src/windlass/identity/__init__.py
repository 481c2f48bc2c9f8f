"""Who is calling: users, applications, tokens."""
