import sys

from examples.student_groups.entrypoints.cli import main

sys.exit(main())
