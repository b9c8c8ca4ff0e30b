"""A business has its model learn from its newest data, and sees how far that is."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from invplat.core.errors import Conflict
from invplat.registry import datasets, jobs
from invplat.registry.jobs import UNDER_WAY, Job, State
from invplat.registry.keys import READ, WRITE
from invplat.serve.answered import dataset_of
from invplat.serve.auth import Anybody, Caller, Reader, TenantName, Writer, check
from invplat.serve.job_view import Jobs, JobSaid, checked, said, seen
from invplat.serve.problems import Refused
from invplat.serve.routes import Served, Service
from invplat.serve.schemas import Strict

router = APIRouter(prefix="/v1", tags=["jobs"])
JobId = Annotated[str, Path(min_length=1, max_length=200, examples=["1f0c9a2b3d4e5f60"])]
FRESH = timedelta(seconds=10)
AT_ONCE = 1  # fine-tunes of one business's own under way


class FinetuneAsked(Strict):
    """As `invplat finetune submit`. With nothing said: from the base's champion, the way that suits the data best."""

    mode: Literal["restart", "continue"] = Field(
        "restart", description="Begin again from the base, or go on from the business's own champion."
    )
    way: Literal["auto", "untouched", "head", "last", "all", "adapter"] = Field("auto", description="How to adapt.")
    base: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="NAME or NAME@VERSION of the base; its champion if not given.", examples=["mlp@2"]
    )
    workload: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    layers: Annotated[int, Field(ge=1, le=20)] = Field(1, description="How many are the last, for the way `last`.")
    epochs: Annotated[int, Field(ge=1, le=200)] | None = Field(None, description="At most; as the way has it.")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(0, description="Same seed, same model.")
    anew: bool = Field(False, description="Even if the same was done before.")


@router.post(
    "/tenants/{tenant}/finetunes",
    status_code=202,
    summary="Have the business's model learn from its newest data",
    description="The answer comes at once, the work goes on: ask for the job. The same asked twice is one job. "
    "What comes of it is served only where it is no worse than what is served now.",
)
def finetunes(tenant: TenantName, asked: FinetuneAsked, service: Service, caller: Writer) -> JobSaid:
    job = submitted(service, caller, tenant, asked)
    return said(service.database, caller, [jobs.get(service.database, job.id)], tenant)[0]


def submitted(service: Served, caller: Caller, tenant: str, asked: FinetuneAsked) -> Job:
    from invplat.transfer.jobs_asked import Asked, find_bases, submit
    from invplat.transfer.jobs_process import unattended

    database = service.database
    _registered(service, caller, tenant)
    donors = find_bases(database, service.storage, [asked.base] if asked.base else [], asked.workload)
    whole = Asked(
        donors[0].workload,
        tuple(sorted(one.id for one in donors)),
        asked.way,
        asked.mode,
        asked.layers,
        asked.epochs,
        asked.seed,
    )
    own = [job for job in jobs.of_tenant(database, tenant) if job.tenant == tenant and job.state in UNDER_WAY]
    if own and checked(database, own):
        own = [job for job in own if jobs.get(database, job.id).state in UNDER_WAY]
    others = [job for job in own if asked.anew or dict(job.spec) != whole.to_json()]
    if len(others) >= AT_ONCE:
        raise Conflict(
            f"job {others[0].id} of this business is under way", hint="wait for its end, or stop it, then ask again"
        )
    word = secrets.token_hex(8) if asked.anew else ""
    job, new = submit(database, whole, [tenant], actor=caller.actor, anew=word, tenant=tenant)
    if not new and checked(database, [job]):  # lost in the meantime: begun again as new
        job, new = submit(database, whole, [tenant], actor=caller.actor, tenant=tenant)
    if unattended(job):
        _begun(service, job)
    return job


def _registered(service: Served, caller: Caller, tenant: str) -> None:
    """Data that the storage has and the registry does not know is what it is to learn from."""
    dataset = dataset_of(service, tenant)
    if not any(one.version == dataset.version for one in datasets.of_tenant(service.database, tenant)):
        datasets.register(service.database, datasets.DatasetVersion.of(dataset.manifest), actor=caller.actor)


def _begun(service: Served, job: Job) -> None:
    """In a process of its own, or on the cluster. Where that fails, the job is marked lost at once."""
    from invplat.transfer import jobs_process

    settings, database = service.settings, service.database
    try:
        if settings.address is None:
            jobs_process.start(settings, database, job)
        else:
            from invplat.transfer.jobs import submit

            name = submit(settings, job, lambda _: None)
            jobs.sent(database, job.id, ray_job=name, address=settings.address)
    except BaseException:
        jobs.lose(database, job, "it could not be begun")
        raise


@router.get("/tenants/{tenant}/jobs", summary="A business's jobs, and others' that are for it too")
def listed(
    tenant: TenantName,
    service: Service,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Jobs:
    database = service.database
    found = jobs.of_tenant(database, tenant, most=limit)
    if checked(database, found):
        found = jobs.of_tenant(database, tenant, most=limit)
    return Jobs(jobs=said(database, caller, found, tenant))


@router.get("/jobs/{job}", summary="How far a job is, and what has come of it")
def status(job: JobId, service: Service, caller: Anybody) -> JobSaid:
    check(caller, caller.tenant or "", READ)
    found = seen(service.database, caller, job)
    reload = getattr(service, "reload", None)
    if found.state is State.DONE and reload is not None and _just_now(found):
        reload()  # whoever watched it looks at the new model next
    return said(service.database, caller, [found])[0]


def _just_now(job: Job) -> bool:
    return job.ended is not None and datetime.now(UTC) - datetime.fromisoformat(job.ended) < FRESH


@router.post(
    "/jobs/{job}/stop",
    summary="Stop a job; what is done of it stays done",
    description="A business can stop only what it asked for itself.",
)
def stop(job: JobId, service: Service, caller: Anybody) -> JobSaid:
    from invplat.transfer.jobs_process import nudge

    database = service.database
    check(caller, caller.tenant or "", WRITE)
    found = seen(database, caller, job)
    if caller.tenant is not None and found.tenant != caller.tenant:
        raise Refused(403, "this job is the operator's to stop: it is for other businesses too")
    nudge(jobs.stop(database, found.id, actor=caller.actor))
    return said(database, caller, [seen(database, caller, job)])[0]
