"""The server as a process: real sockets, a real data folder."""
