"""Published price catalogs as plans and prices. What cannot be said in a price is left out."""
