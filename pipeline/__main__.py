"""`python -m pipeline`: what there is to run."""

from pipeline.frame.stage import stages

COMMANDS = {
    "init FILE": "look at a file or folder and write a config for it",
    "run": "every stage that is out of date, then the report: what `make all` does",
    "show": "the label issues in the terminal",
    "review": "correct them in a local page, or with --terminal",
    "exchange export | import": "hand them to other tools, and take decisions back",
    "predict": "label texts with a model of a run",
    "study": "is the gain real? seeds, controls, noise",
    "report": "the page alone, from finished files",
    "report.tracking": "log a finished run to MLflow or TensorBoard",
    "compare": "two finished runs side by side",
    "status": "which stages are out of date, and why",
    "clean": "delete the results of a run",
}

if __name__ == "__main__":
    print("python -m pipeline.COMMAND --config configs/imdb.yaml   (--help on each)\n")
    print("The stages, in order:")
    for name, stage in stages().items():
        print(f"  {name}\n      {stage.does}")
    print("\nEverything else:")
    for command, does in COMMANDS.items():
        print(f"  {command}\n      {does}")
    print("\n`make` lists the same in short.")
