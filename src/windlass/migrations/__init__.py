"""The store's schema through time: one linear chain, applied at start where it is behind."""
