"""`python -m console` is `stoker`."""

from console.cli import main

main()
