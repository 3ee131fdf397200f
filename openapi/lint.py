"""Finds constructs in the OpenAPI document that are valid, but mistaken, or not supported by client generators."""

import sys

import yaml

# Keywords of JSON Schema and OpenAPI that the document uses. Any other word is a mistake: in `{ description: One, or
# two }` "or two" is a key.
KEYWORDS = {
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "description", "enum", "example", "examples",
    "exclusiveMinimum", "format", "if", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minProperties",
    "minimum", "oneOf", "pattern", "properties", "required", "then", "title", "type", "uniqueItems",
}  # fmt: skip
# Keys whose values are examples, of any shape.
EXAMPLES = {"example", "examples", "default", "const"}
NULL = {"type": "null"}


def lint(document):
    """Yields a line per flaw."""
    schemas = document["components"]["schemas"]

    def schema(value, place):
        if not isinstance(value, dict):
            yield f"{place}: a schema has to be an object"
            return
        if not value:
            yield f"{place}: the schema is empty; say what it is, such as type: string with format: binary for octets"
        for key in value.keys() - KEYWORDS:
            yield f"{place}: there is no keyword {key!r}; a text with a comma or a colon needs quotes"
        if "/properties/" in value.get("$ref", ""):
            yield f"{place}: generators do not follow a reference to a property; make it a schema of its own"
        yield from union(value.get("anyOf", []) + value.get("oneOf", []), place)
        for name, member in value.get("properties", {}).items():
            yield from schema(member, f"{place}/properties/{name}")
        for key in ("items", "if", "then", "additionalProperties"):
            if isinstance(value.get(key), dict):
                yield from schema(value[key], f"{place}/{key}")
        for key in ("allOf", "anyOf", "oneOf"):
            for index, member in enumerate(value.get(key, [])):
                yield from schema(member, f"{place}/{key}/{index}")

    def union(members, place):
        for member in members if NULL in members else []:
            target = schemas.get(member.get("$ref", "").rsplit("/", 1)[-1], member)
            if target != NULL and target.get("type") != "object" and "enum" not in target:
                yield f'{place}: generators do not understand this beside null; write it here, with type: [..., "null"]'
        if members == [NULL]:
            yield f"{place}: nothing but null"

    def walk(value, place):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            here = f"{place}/{key}"
            if key in EXAMPLES:
                continue
            if member is None:
                yield f"{here}: has no value; a text with a comma or a colon needs quotes"
            elif key == "schema":
                yield from schema(member, here)
            elif place == "/components/schemas":
                yield from schema(member, here)
            elif isinstance(member, (dict, list)):
                yield from walk(member, here)

    yield from walk(document, "")


if __name__ == "__main__":
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        flaws = list(lint(yaml.safe_load(file)))
    for flaw in flaws:
        print(f"{path}: {flaw}")
    sys.exit(1 if flaws else 0)
