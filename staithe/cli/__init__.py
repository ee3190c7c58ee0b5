"""The command line: one file per command. Errors are printed in one place, app.main."""
