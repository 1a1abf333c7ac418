"""A process that stops dead where it says so, to be killed there."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
SECONDS = 120.0


async def killed_where_it_stops(module: str, *arguments: str) -> str:
    """Run the module; kill its process (SIGKILL) where it says "stopped". Return what it said."""
    command = ("-m", module, *arguments)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, cwd=CHECKOUT)
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        said = (await process.stdout.readline()).decode().strip()
        if said == "stopped":
            process.kill()
        await process.wait()
    return said
