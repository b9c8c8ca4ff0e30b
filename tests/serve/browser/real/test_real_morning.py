"""A planner's morning, whole, before the real service: to the end of a real fine-tune."""

from __future__ import annotations

from tests.serve.browser.test_morning import test_a_planners_morning
from tests.serve.browser.test_pages import test_every_page_on_a_desk_and_on_a_phone

__all__ = ["test_a_planners_morning", "test_every_page_on_a_desk_and_on_a_phone"]
