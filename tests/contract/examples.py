"""Checks that every example of a body in an OpenAPI document fits its schema.

    python examples.py URL
"""

import json
import sys
import urllib.request

import jsonschema_rs


def bodies(document):
    """Every content of requests and responses, with a name for it."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method} {path}"
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{name}: the request", kind, content
            for status, response in operation["responses"].items():
                for kind, content in response["content"].items():
                    yield f"{name}: {status}", kind, content


def examples(content):
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        yield example["value"]


def main(url):
    with urllib.request.urlopen(url) as answer:
        document = json.load(answer)
    failures, seen = [], 0
    for name, kind, content in bodies(document):
        schema = {**content["schema"], "components": document["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        for example in examples(content):
            seen += 1
            failures += [f"{name} ({kind}): {error}" for error in validator.iter_errors(example)]
    print("\n".join(failures) or f"{seen} examples")
    sys.exit(bool(failures or not seen))


main(*sys.argv[1:])
