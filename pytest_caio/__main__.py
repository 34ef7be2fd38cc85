"""Entry point of `python -m pytest_caio`."""

from pytest_caio.commands.cli import main

raise SystemExit(main())
