"""`python -m pipeline`: what there is to run."""

COMMANDS = {
    "init FILE": "look at a file or folder and write a config for it",
    "prepare, vectorize, crossval, find_issues, cleanlearn, evaluate": "the stages, in order",
    "show": "the suspects in the terminal",
    "review": "correct them in a local page, or with --terminal",
    "exchange export | import": "hand them to other tools, and take decisions back",
    "predict": "label texts with a model of a run",
    "study": "is the gain real? seeds, controls, noise",
    "report": "the page alone, from finished files",
    "status": "which stages are out of date, and why",
}

if __name__ == "__main__":
    print("python -m pipeline.COMMAND --config configs/imdb.yaml   (--help on each)\n")
    for command, does in COMMANDS.items():
        print(f"  {command}\n      {does}")
    print("\n`make` runs the stages in order, and lists more.")
