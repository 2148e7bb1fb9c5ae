"""Where a declared rule meets a database: scenarios are tried, failures shrunk and put into words."""
