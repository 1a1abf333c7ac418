"""The command line: python -m entrypoints.cli cancel ORDER_ID."""

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from bootstrap import UseCases, bootstrap
from domain.exceptions import OrderError


def main(arguments: Sequence[str], use_cases: UseCases) -> int:
    """Run a command, and return its exit code: 1 if the rules reject it."""
    try:
        print(asyncio.run(run(parsed(arguments), use_cases)))
    except OrderError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parsed(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="orders", description="Place, read, cancel and ship orders.")
    commands = parser.add_subparsers(dest="command", required=True)
    place = commands.add_parser("place")
    place.add_argument("user_id")
    place.add_argument("total", type=int, help="in cents")
    for name in ("get", "cancel", "ship"):
        commands.add_parser(name).add_argument("order_id")
    return parser.parse_args(arguments)


async def run(options: Namespace, use_cases: UseCases) -> str:
    match options.command:
        case "place":
            return (await use_cases.place_order.execute(options.user_id, options.total)).id
        case "cancel":
            await use_cases.cancel_order.execute(options.order_id)
        case "ship":
            await use_cases.ship_order.execute(options.order_id)
    order = await use_cases.get_order.execute(options.order_id)
    return f"{order.id} {order.status} {order.total} {order.user_id}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], bootstrap(os.environ.get("ORDERS_DB", "orders.db"))))
