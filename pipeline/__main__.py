"""`python -m pipeline`: what `label-errors` runs."""

from pipeline.command.group import main

if __name__ == "__main__":
    main()
