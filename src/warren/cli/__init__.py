"""What a person types, one file a command group: parse, call a client, print (text or --json).

Start reading at `main`; `commands` is the table of everything that is offered, `grammar` what a command and a flag
are. The table is the single source of parsing, help and completion. There is no parser library here on purpose:
importing one takes longer than `warren status` may take in all, and a second parser for the quick commands would be
a second truth."""
