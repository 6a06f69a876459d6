"""The API described as an OpenAPI 3.1 document, from the handlers and the types themselves.

Types are described by the library that reads and writes them, so that the document says what is
accepted: which fields there are, that no others may be sent, which model a price can have.
A handler whose body or answer is not one type says more in `opt={"openapi": {…}}`, which is laid
over what is derived here; one that answers in other forms than JSON too, in `opt={"forms": […]}`.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg
from litestar.routes import HTTPRoute
from litestar.utils.predicates import is_class_and_subclass

from tallybook import __version__
from tallybook.api.problems import Problem

_REFERENCE = "#/components/schemas/{name}"
_INTRODUCTION = """\
Usage events in; exact, explained invoices out.

Authenticate with `Authorization: Bearer tb_…`. Quantities, amounts and rates are exact decimals:
they are answered as JSON strings, and accepted as strings or numbers. Times are RFC 3339 with a
zone; answers are in UTC. Lists answer `{"results": […], "next": cursor}`; ask on with `after`.
A request that is refused answers a problem (RFC 9457) that names the field and the mend; so is
one with a parameter or field that there is not."""

_ROOMS = (
    *("Events", "Corrections", "Meters", "Usage"),
    *("Plans", "Price previews", "Customers", "Subscriptions"),
    *("Billing runs", "Test clock", "Invoices", "Restatements"),
    *("API keys", "Organizations", "Server"),
)
"""The order in which people read of the rooms: as usage flows to the bill."""

Operation = tuple[str, str, HTTPRouteHandler]


def describe(app: Litestar) -> dict[str, Any]:
    """The document of every route of `app` that is part of the API. Made once for each app."""
    described: dict[str, Any] | None = app.state.get("openapi")
    if described is None:
        described = app.state["openapi"] = _describe(app)
    return described


def operations(app: Litestar) -> Iterator[Operation]:
    """The API's handlers, each with its method and path, by path."""
    for route in sorted(app.routes, key=lambda route: route.path):
        if not isinstance(route, HTTPRoute) or not route.path.startswith("/v1/"):
            continue
        for method, (handler, _) in sorted(route.route_handler_map.items()):
            if method != "OPTIONS" and handler.resolve_include_in_schema():
                yield method, route.path_format, handler


def _describe(app: Litestar) -> dict[str, Any]:
    found = list(operations(app))
    sent = [kind for _, _, handler in found for kind in (_body(handler), _answer(handler))]
    unique = list(dict.fromkeys([Problem, *(kind for kind in sent if kind is not None)]))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REFERENCE)
    kinds = dict(zip(unique, schemas, strict=True))
    _name_instants(unique, components)
    for component in components.values():
        component["description"] = inspect.cleandoc(component.get("description", ""))
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler in found:
        paths.setdefault(path, {})[method.lower()] = _operation(handler, path, kinds)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tallybook", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [
            {"name": tag} for tag in sorted({_tags(each[2])[0] for each in found}, key=_order)
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "Refused: why, where in the request, and what to do about it.",
                    "content": {"application/problem+json": {"schema": kinds[Problem]}},
                }
            },
        },
    }


def _operation(
    handler: HTTPRouteHandler, path: str, kinds: Mapping[Any, dict[str, Any]]
) -> dict[str, Any]:
    summary, _, description = inspect.getdoc(_function(handler)).partition("\n\n")  # type: ignore[union-attr]
    operation: dict[str, Any] = {
        "operationId": handler.handler_name,
        "tags": _tags(handler),
        "summary": " ".join(summary.split()),
        "description": description,
        "parameters": list(_parameters(handler, path)),
        "responses": {},
    }
    scope = next(filter(None, (getattr(g, "scope", None) for g in handler.resolve_guards())), None)
    if scope:
        operation["x-scope"] = scope.value
    elif not handler.resolve_guards():
        operation["security"] = []
    body = _body(handler)
    if body is not None:
        content = {"application/json": {"schema": kinds[body]}}
        operation["requestBody"] = {"required": True, "content": content}
    answer = _answer(handler)
    success: dict[str, Any] = {"description": "Done."}
    if answer is not None:
        success["content"] = {"application/json": {"schema": kinds[answer]}}
        success["content"] |= {form: {"schema": {}} for form in handler.opt.get("forms", ())}
    operation["responses"] = {
        str(handler.status_code): success,
        "default": {"$ref": "#/components/responses/Problem"},
    }
    operation.update(handler.opt.get("openapi", {}))
    return {name: value for name, value in operation.items() if value not in ("", [])} | (
        {"security": []} if operation.get("security") == [] else {}
    )


def _parameters(handler: HTTPRouteHandler, path: str) -> Iterator[dict[str, Any]]:
    given = {*handler.resolve_dependencies(), "data", "request", "body", "headers", "state"}
    in_path = set(re.findall(r"{(\w+)}", path))
    for name, field in handler.parsed_fn_signature.parameters.items():
        if name in given:
            continue
        said = field.kwarg_definition
        said = said if isinstance(said, ParameterKwarg) else None
        schema = _schema(field.annotation)
        bounds = {"ge": "minimum", "le": "maximum", "max_length": "maxLength"}
        for ours, theirs in bounds.items():
            bound = getattr(said, ours, None)
            if bound is not None:
                schema[theirs] = bound
        is_in_path = name in in_path
        if field.has_default and field.default not in (None, ""):
            schema["default"] = msgspec.to_builtins(field.default)
        yield {
            "name": (said and (said.query or said.name)) or name,
            "in": "path" if is_in_path else "query",
            "required": is_in_path or not (field.has_default or field.is_optional),
            "description": (said and said.description) or "",
            "schema": schema,
        }


def _schema(kind: Any) -> dict[str, Any]:
    """The schema of a parameter's type, with nothing to refer to."""
    (schema,), components = msgspec.json.schema_components([kind])

    def inlined(each: dict[str, Any]) -> dict[str, Any]:
        each = {**each, **components.get(each.get("$ref", "").rpartition("/")[2], {})}
        each.pop("$ref", None)
        if "items" in each:
            each["items"] = inlined(each["items"])
        # A parameter is left out rather than sent as null.
        kinds = [inlined(one) for one in each.pop("anyOf", ()) if one != {"type": "null"}]
        if len(kinds) > 1:
            each["anyOf"] = kinds
        return each | kinds[0] if len(kinds) == 1 else each

    return inlined(schema)


def _function(handler: HTTPRouteHandler) -> Any:
    return getattr(handler.fn, "func", handler.fn)


def _tags(handler: HTTPRouteHandler) -> list[str]:
    tags = [tag for layer in handler.ownership_layers for tag in getattr(layer, "tags", None) or ()]
    return tags or ["Other"]


def _order(tag: str) -> tuple[int, str]:
    return (_ROOMS.index(tag) if tag in _ROOMS else len(_ROOMS)), tag


def _body(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_data_field
    return None if field is None or field.annotation in (bytes, Any) else field.annotation


def _answer(handler: HTTPRouteHandler) -> Any:
    kind = handler.parsed_fn_signature.return_type.annotation
    if isinstance(kind, types.UnionType):  # a type, or the same in another form
        kind = next(each for each in typing.get_args(kind) if not _is_response(each))
    return None if kind in (None, type(None), Any) or _is_response(kind) else kind


def _is_response(kind: Any) -> bool:
    return is_class_and_subclass(typing.get_origin(kind) or kind, Response)


def _name_instants(kinds: list[Any], components: dict[str, Any]) -> None:
    """Say `date-time` of every time: msgspec does so only of those bound to a zone by type."""
    for described in _structs(kinds):
        names = (_name_of(described.cls), f"{described.cls.__module__}.{described.cls.__name__}")
        component: dict[str, Any] = next(
            (components[name] for name in names if name in components), {}
        )
        properties = component.get("properties", {})
        for field in described.fields:
            if not _is_instant(field.type):
                continue
            schema = properties.get(field.encode_name, {})
            for each in (schema, *schema.get("anyOf", ())):
                if each.get("type") == "string":
                    each["format"] = "date-time"


def _structs(kinds: list[Any]) -> Iterator[msgspec.inspect.StructType]:
    seen: set[Any] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(kinds))
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.cls in seen:
                continue
            seen.add(kind.cls)
            yield kind
            waiting += [field.type for field in kind.fields]
        elif isinstance(kind, msgspec.inspect.UnionType):
            waiting += kind.types
        else:
            waiting += [
                inner
                for name in ("item_type", "key_type", "value_type", "type")
                if isinstance(inner := getattr(kind, name, None), msgspec.inspect.Type)
            ]


def _is_instant(kind: msgspec.inspect.Type) -> bool:
    instant = msgspec.inspect.DateTimeType
    return isinstance(kind, instant) or (
        isinstance(kind, msgspec.inspect.UnionType)
        and any(isinstance(each, instant) for each in kind.types)
    )


@lru_cache
def _name_of(kind: Any) -> str:
    return str(msgspec.json.schema(kind)["$ref"]).rpartition("/")[2]
