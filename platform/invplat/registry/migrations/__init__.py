"""How the registry's tables came to be, one step a file. They run by themselves when a database is opened."""
