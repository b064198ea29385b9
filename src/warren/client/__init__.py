"""The only code that speaks to a daemon (`local`) or a server (`rest`), and starts a daemon (`process`).

Used by cli, tui and sdk. Decides how to ask and how failures of asking are told (WarrenError with a stable code);
what to ask and how to show it is the caller's. Must be cheap to import: `local` needs msgspec and a socket, nothing
else."""
