"""A project read from its files: places first, values second, and no server anywhere."""
