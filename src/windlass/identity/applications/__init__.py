"""Programs that sign in: service accounts, which were called applications before version 2.24."""
