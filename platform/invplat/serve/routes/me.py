"""Whose key it is that was shown."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from invplat.serve.auth import Anybody

router = APIRouter(prefix="/v1", tags=["keys"])


class Me(BaseModel):
    tenant: str | None = Field(description="The key's business; none for an administrator.", examples=["corner-shop"])
    scopes: list[str] = Field(examples=[["tenant:read", "tenant:write"]])
    key: str = Field(description="The key's id, which opens nothing.", examples=["0f3a9c1e5b7d2468"])


@router.get("/me", summary="Whose key this is")
async def me(caller: Anybody) -> Me:
    return Me(tenant=caller.tenant, scopes=list(caller.scopes), key=caller.key)
