"""The table of commands, one file for each thing that they are about. `warren.cli.commands` joins them."""
