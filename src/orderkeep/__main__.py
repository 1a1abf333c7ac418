"""`python -m orderkeep` is the command `orderkeep`."""

from orderkeep.entrypoints.cli.main import main

if __name__ == "__main__":
    main()
