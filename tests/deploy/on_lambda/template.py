"""The template of the deployment on Lambda: read, resolved for a stack, and expanded as Amazon does it."""

import json
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

PATH = Path(__file__).parents[3] / "deploy" / "lambda" / "template.yaml"

Template = dict[str, Any]


def read(text: str) -> Template:
    """Return the template, its short tags written out."""
    found: Template = yaml_parse(text)
    return found


def expanded(template: Template) -> Template:
    """Return what Amazon makes of the template."""
    # Imported here: it takes three seconds, in each process that collects tests.
    from samtranslator.translator.transform import transform

    fragment = json.loads(json.dumps(template))
    for function in of_type(fragment, "AWS::Serverless::Function").values():
        function["CodeUri"] = "s3://packages/orderkeep.zip"
    made: Template = transform(fragment, {}, _NoManagedPolicies())
    return made


def resolved(value: Any, names: dict[str, str], conditions: dict[str, Any] | None = None) -> Any:
    """Return a value as it is in a stack whose parameters and parts have these names."""
    if isinstance(value, list):
        return [resolved(each, names, conditions) for each in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return names[value["Ref"]]
    if "Fn::If" in value:
        name, held, otherwise = value["Fn::If"]
        chosen = held if _holds((conditions or {})[name], names) else otherwise
        return resolved(chosen, names, conditions)
    if "Fn::Join" in value:
        between, parts = resolved(value["Fn::Join"], names, conditions)
        return between.join(parts)
    if "Fn::Split" in value:
        between, text = resolved(value["Fn::Split"], names, conditions)
        return text.split(between)
    if isinstance(value.get("Fn::Sub"), str):
        text = value["Fn::Sub"]
        for name, known in names.items():
            text = text.replace(f"${{{name}}}", known)
        return text
    return {key: resolved(each, names, conditions) for key, each in value.items()}


def _holds(condition: dict[str, Any], names: dict[str, str]) -> bool:
    if "Fn::Not" in condition:
        return not _holds(condition["Fn::Not"][0], names)
    one, other = resolved(condition["Fn::Equals"], names)
    return str(one) == str(other)


def environment_of(template: Template, function: str, names: dict[str, str]) -> dict[str, str]:
    """Return the environment that a function gets."""
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"][function]["Properties"]["Environment"]["Variables"]
    conditions = template["Conditions"]
    return {name: str(resolved(value, names, conditions)) for name, value in {**shared, **own}.items()}


def defaults_of(template: Template) -> dict[str, str]:
    """Return the parameters as they are where nobody says otherwise."""
    return {name: str(found.get("Default", "")) for name, found in template["Parameters"].items()}


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """Return the properties of all resources of a type, by name."""
    return {name: found["Properties"] for name, found in template["Resources"].items() if found["Type"] == kind}


class AnyName(dict[str, str]):
    """Whatever a stack may call its parts."""

    def __missing__(self, name: str) -> str:
        return name


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}
