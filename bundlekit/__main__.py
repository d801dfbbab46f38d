"""`python -m bundlekit` is the command line."""

from bundlekit.cli import main

if __name__ == "__main__":
    main()
