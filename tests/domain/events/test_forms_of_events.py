"""Which forms of a body are known, by what names."""

from __future__ import annotations

import pytest

from tallybook.domain.events.forms import Form, form_of
from tallybook.domain.kernel.errors import UnsupportedForm


@pytest.mark.parametrize(
    ("content_type", "form", "why"),
    [
        ("application/json", Form.JSON, "its own name"),
        ("application/json; charset=UTF-8", Form.JSON, "with the encoding that JSON has anyway"),
        ("", Form.JSON, "none at all"),
        ("Application/X-NDJSON", Form.NDJSON, "case does not matter"),
        ("application/jsonl", Form.NDJSON, "as others call it"),
        ("application/cloudevents+json", Form.CLOUDEVENT, "one CloudEvent"),
        ('application/cloudevents-batch+json;charset="utf-8"', Form.CLOUDEVENTS, "several"),
    ],
)
def test_names(content_type: str, form: Form, why: str) -> None:
    assert form_of(content_type) is form, why


@pytest.mark.parametrize(
    "content_type",
    [
        "text/csv",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "nonsense",
    ],
)
def test_other_forms_are_refused_with_those_there_are(content_type: str) -> None:
    with pytest.raises(UnsupportedForm) as refused:
        form_of(content_type)
    assert all(form in refused.value.mend for form in Form)
