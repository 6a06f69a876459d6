"""Whatever is sent, sensible or not: no fault, and every answer is one that was described."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from litestar import Litestar
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tallybook.api.app import build_api
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
SETTINGS = settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation(wiring: Wiring, organization: Organization, mode: GenerationMode) -> None:
    app: Litestar = build_api(wiring)
    key = issue_key(wiring, organization.id, name="fuzz", scopes=Scope).text
    described: Any = schemathesis.openapi.from_asgi("/openapi.json", app)
    for found in described.get_all_operations():
        operation = found.ok()

        @SETTINGS
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            case.validate_response(answer, checks=CHECKS)

        try:
            check()
        except Unsatisfiable:
            assert not operation.path_parameters, "there is no wrong way to ask nothing"
