"""`python -m invplat`: the command line where the script is not on the path."""

from invplat.cli.main import main

main()
