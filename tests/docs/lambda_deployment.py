"""The deployment on Lambda: parameters, costs at list price, and alarms, from the template and the units used."""

from dataclasses import dataclass

from tests.deploy.on_lambda import template as lambda_template
from tests.docs.core_tables import Rows
from tests.docs.dynamo_costs import costs

# Assumed prices in US dollars, near those of us-east-1 in 2025, without any free tier.
PER_MILLION = {"write unit": 0.625, "read unit": 0.125, "HTTP request": 1.00, "invocation": 0.20, "event": 1.00}
PER_GB_SECOND = 0.0000133334
PER_GB_OF_LOGS = 0.50

LIFE = {"place an order without tags": 1, "confirm, ship, deliver or cancel it": 3, "get an order": 3}
"""An order's life: placed, confirmed, shipped and delivered, and looked at three times."""

CHANGES = 4
SECONDS = 0.015
"""How long one invocation is billed, warm: two round trips to DynamoDB and a few milliseconds of ours."""

LOGGED_BYTES = 400
"""What Lambda and the API write about one request; the service itself writes nothing of those that succeed."""

STATISTICS = {"Maximum": "the maximum", "Sum": "the sum", "p99": "the 99th percentile"}


@dataclass(frozen=True)
class Item:
    """A line of the bill for one million orders."""

    what: str
    amount: str
    price: str
    dollars: float


def bill() -> list[Item]:
    """Return what a million orders cost."""
    units = dict(costs())
    writes = sum(float(units[step].write) * times for step, times in LIFE.items())
    reads = sum(float(units[step].read) * times for step, times in LIFE.items())
    requests = sum(LIFE.values())
    invocations = requests + CHANGES
    template = lambda_template.read(lambda_template.PATH.read_text(encoding="utf-8"))
    megabytes = template["Parameters"]["MemorySize"]["Default"]
    gb_seconds = invocations * SECONDS * megabytes / 1024
    logs = (requests + invocations) * LOGGED_BYTES / 1000
    return [
        _millions("DynamoDB, writes", writes, "write unit"),
        _millions("DynamoDB, reads", reads, "read unit"),
        _millions("API Gateway, HTTP API", requests, "HTTP request"),
        _millions("Lambda, invocations", invocations, "invocation"),
        Item(
            "Lambda, duration",
            f"{gb_seconds:.2f} million GB-seconds",
            f"${PER_GB_SECOND * 1e6:.2f} per million",
            gb_seconds * 1e6 * PER_GB_SECOND,
        ),
        _millions("EventBridge", CHANGES, "event"),
        Item("CloudWatch Logs", f"{logs:.1f} GB", f"${PER_GB_OF_LOGS:.2f} per GB", logs * PER_GB_OF_LOGS),
    ]


def costs_of_a_million_orders() -> Rows:
    """Return the bill as a table."""
    items = bill()
    rows = [(item.what, item.amount, item.price, f"${item.dollars:.2f}") for item in items]
    total = sum(item.dollars for item in items)
    return [("what", "for a million orders", "list price", "costs"), *rows, ("all", "", "", f"**${total:.2f}**")]


def parameters() -> Rows:
    """Return the template's parameters as a table."""
    template = lambda_template.read(lambda_template.PATH.read_text(encoding="utf-8"))
    rows = [
        (f"`{name}`", f"`{found['Default']}`" if found["Default"] != "" else "empty", found["Description"])
        for name, found in template["Parameters"].items()
    ]
    return [("parameter", "default", "description"), *rows]


def alarms() -> Rows:
    """Return the template's alarms as a table."""
    template = lambda_template.read(lambda_template.PATH.read_text(encoding="utf-8"))
    rows = [
        (f"`{name}`", _when(alarm), alarm["AlarmDescription"])
        for name, alarm in lambda_template.of_type(template, "AWS::CloudWatch::Alarm").items()
    ]
    return [("alarm", "condition", "meaning"), *rows]


def _millions(what: str, each: float, unit: str) -> Item:
    price = PER_MILLION[unit]
    shown = f"{price:.3f}" if price < 1 else f"{price:.2f}"
    return Item(what, f"{each:g} million {unit}s", f"${shown} per million", each * price)


def _when(alarm: dict[str, object]) -> str:
    metric = alarm.get("MetricName") or _summed(alarm)
    statistic = STATISTICS.get(str(alarm.get("Statistic") or alarm.get("ExtendedStatistic")), "the sum")
    minutes = int(str(alarm.get("Period", 60))) * int(str(alarm["EvaluationPeriods"])) // 60
    whole = f"for {minutes} minutes" if minutes > 1 else "in a minute"
    if "DatapointsToAlarm" in alarm:
        whole = f"in {alarm['DatapointsToAlarm']} of {minutes} minutes"
    return f"{statistic} of `{metric}` is above {alarm['Threshold']} {whole}"


def _summed(alarm: dict[str, object]) -> str:
    queries = alarm["Metrics"]
    assert isinstance(queries, list)
    [name] = {query["MetricStat"]["Metric"]["MetricName"] for query in queries if "MetricStat" in query}
    return str(name)
