"""`python -m bycatch`."""

from __future__ import annotations

from bycatch.cli import main

if __name__ == "__main__":
    main(prog_name="bycatch")
