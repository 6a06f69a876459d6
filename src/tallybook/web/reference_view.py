"""The API's OpenAPI document, arranged for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

DEPTH = 4
"""How far fields within fields are shown; a type within itself is named only."""


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """One of the objects that a value may be."""

    kind: str
    description: str
    fields: list[FieldView]


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field or a parameter."""

    name: str
    kind: str
    is_required: bool
    description: str = ""
    default: str = ""
    place: str = ""
    choices: list[ChoiceView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BodyView:
    """What is sent or answered."""

    media_type: str
    kind: str
    description: str
    fields: list[FieldView]


@dataclass(frozen=True, slots=True)
class OperationView:
    """One thing the API can do."""

    id: str
    method: str
    path: str
    short_path: str
    scope: str
    summary: str
    description: str
    parameters: list[FieldView]
    bodies: list[BodyView]
    status: str
    answer: BodyView


@dataclass(frozen=True, slots=True)
class GroupView:
    """Operations of one room."""

    name: str
    operations: list[OperationView]


class Reference:
    """Reads an OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Schema] = document["components"]["schemas"]

    def groups(self) -> list[GroupView]:
        """The operations by their tag, in the document's order."""
        found: dict[str, list[OperationView]] = {tag["name"]: [] for tag in self._document["tags"]}
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                found[operation["tags"][0]].append(self._operation(path, method, operation))
        return [GroupView(name, operations) for name, operations in found.items() if operations]

    def problem(self) -> BodyView:
        """What a refusal looks like."""
        content = self._document["components"]["responses"]["Problem"]["content"]
        return next(self._bodies(content))

    def _operation(self, path: str, method: str, operation: Schema) -> OperationView:
        status, response = next(iter(operation["responses"].items()))
        answers = list(self._bodies(response.get("content", {})))
        return OperationView(
            id=operation["operationId"],
            method=method,
            path=path,
            short_path=path.removeprefix("/v1"),
            scope=operation.get("x-scope", ""),
            summary=operation.get("summary", ""),
            description=operation.get("description", ""),
            parameters=[self._parameter(each) for each in operation.get("parameters", ())],
            bodies=list(self._bodies(operation.get("requestBody", {}).get("content", {}))),
            status=status,
            answer=answers[0] if answers else BodyView("", "", response["description"], []),
        )

    def _parameter(self, parameter: Schema) -> FieldView:
        schema = parameter["schema"]
        return FieldView(
            name=parameter["name"],
            kind=self._kind(schema),
            is_required=parameter.get("required", False),
            description=parameter.get("description", ""),
            default=_default(schema),
            place=parameter["in"] if parameter["in"] != "query" else "",
        )

    def _bodies(self, content: Mapping[str, Schema]) -> Iterator[BodyView]:
        for media_type, each in content.items():
            schema = self._resolved(each.get("schema", {}))
            yield BodyView(
                media_type,
                self._kind(each.get("schema", {})),
                schema.get("description", ""),
                self._fields(schema, (schema.get("title", ""),)),
            )

    def _resolved(self, schema: Schema) -> Schema:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self._schemas[name] if name else schema

    def _fields(self, schema: Schema, within: tuple[str, ...]) -> list[FieldView]:
        required = schema.get("required", ())
        return [
            FieldView(
                name=name,
                kind=self._kind(each),
                is_required=name in required,
                description=each.get("description", ""),
                default=_default(each),
                choices=list(self._choices(each, within)),
            )
            for name, each in schema.get("properties", {}).items()
        ]

    def _choices(self, schema: Schema, within: tuple[str, ...]) -> Iterator[ChoiceView]:
        for each in self._objects(schema):
            title = each.get("title", "")
            if title in within or len(within) >= DEPTH:
                continue
            yield ChoiceView(
                title, each.get("description", ""), self._fields(each, (*within, title))
            )

    def _objects(self, schema: Schema) -> Iterator[Schema]:
        resolved = self._resolved(schema)
        if "properties" in resolved:
            yield resolved
        inner = [
            *resolved.get("anyOf", ()),
            resolved.get("items"),
            resolved.get("additionalProperties"),
        ]
        for each in inner:
            if isinstance(each, dict):
                yield from self._objects(each)

    def _kind(self, schema: Schema) -> str:
        """A type in words: `string (date-time)`, `list of Tier`, `"day" or "week"`."""
        if "$ref" in schema:
            resolved = self._resolved(schema)
            return self._kind(resolved) if "enum" in resolved else resolved.get("title", "")
        if "enum" in schema:
            return " or ".join(f"“{each}”" for each in schema["enum"])
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(map(self._kind, schema["anyOf"])))
        kind = str(schema.get("type", "anything"))
        if kind == "array":
            return f"list of {self._kind(schema.get('items', {}))}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"map to {self._kind(schema['additionalProperties'])}"
        bounds = [
            f"{word} {schema[name]}"
            for name, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "up to"))
            if name in schema
        ]
        said = [each for each in (schema.get("format"), *bounds) if each]
        return f"{kind} ({', '.join(said)})" if said else kind


def _default(schema: Schema) -> str:
    value = schema.get("default")
    return "" if value in (None, "", [], {}) else str(value)
