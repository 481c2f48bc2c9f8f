"""People who sign in: their accounts and passwords."""
