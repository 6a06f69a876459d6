"""What the application hands to every handler that asks for it by name."""

from __future__ import annotations

from litestar.di import NamedDependency

from tallybook.services.ports import Wiring

Wired = NamedDependency[Wiring]
"""`wiring: Wired`: the engines, the clock, the maker of ids."""

OrganizationId = NamedDependency[str]
"""`organization_id: OrganizationId`: whom the caller, let in by `requires(…)`, acts for."""
