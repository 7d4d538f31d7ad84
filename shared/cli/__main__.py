"""`python -m shared.cli`: the tool without an installed command."""

import sys

from shared.cli.app import main

sys.exit(main())
