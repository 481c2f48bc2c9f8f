"""Identity providers: who vouches for users, by OpenID Connect."""
