"""Sessions on several cores, or on a cluster: joblib with its own processes, Dask or Ray behind it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from faceedge.errors import ConfigurationError, DeviceError, one_line

BACKENDS = ("loky", "dask", "ray")
"""joblib's own processes on this machine; a Dask cluster; a Ray cluster."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_RETURNS = {"loky": "generator_unordered", "dask": "generator_unordered", "ray": "list"}
"""How joblib gives results: as they come, or from Ray, which knows no other way, all at the end."""
_PATIENCE_S = 15
_TRACKERS = ("multiprocessing.resource_tracker", "joblib.externals.loky.backend.resource_tracker")
_LOST_WORKER = ("TerminatedWorkerError", "KilledWorker", "WorkerCrashedError")
"""Names of what the backends raise when a worker ended without a word."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def check_backend(jobs: int, backend: str, address: str = "") -> None:
    """Nothing where the backend can be used.

    Raises:
        ConfigurationError: unknown, not installed, or with options that do not fit together.
    """
    if backend not in BACKENDS:
        raise ConfigurationError(f"there is no backend {backend!r}; choose one of {', '.join(BACKENDS)}.")
    if isinstance(jobs, bool) or jobs < 1:
        raise ConfigurationError(f"at least 1 job is needed, got {jobs}.")
    if address and backend == "loky":
        raise ConfigurationError("loky runs on this machine and has no address; --backend dask or ray takes one.")
    for package, brings in {"dask": ("distributed", "'faceedge[cluster]'"), "ray": ("ray", "ray")}.items():
        if backend == package and importlib.util.find_spec(brings[0]) is None:
            raise ConfigurationError(
                f"the backend {backend} needs the Python package {brings[0]!r}, which is not installed; `pip install "
                f"{brings[1]}` brings it."
            )


def run(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    jobs: int = 1,
    backend: str = "loky",
    address: str = "",
) -> Iterator[_Result]:
    """Results of ``function`` as they are ready, from Ray at the end. Every worker uses one thread.

    Args:
        function: of a module, so that other processes find it.
        items: its arguments, one at a time.
        jobs: how many at once; a cluster with an address has its own number.
        backend: of `BACKENDS`; one job of loky runs in this process.
        address: of a scheduler; empty: one is started here.

    Raises:
        ConfigurationError: as `check_backend`, or nobody answers at ``address``.
        DeviceError: a worker ended without a word.
    """
    check_backend(jobs, backend, address)
    if backend == "loky" and jobs == 1:
        yield from map(function, items)
        return
    joblib = importlib.import_module("joblib")
    with _one_thread(), _cluster(backend, jobs, address) as count, joblib.parallel_config(backend=backend):
        parallel = joblib.Parallel(n_jobs=count, return_as=_RETURNS[backend], batch_size=1, pre_dispatch="n_jobs")
        try:
            with _interrupts_held():
                results = parallel(joblib.delayed(function)(item) for item in items)
            yield from results
        except Exception as error:
            if type(error).__name__ in _LOST_WORKER:
                raise DeviceError(
                    f"a worker ended without a word ({one_line(error)}); it was killed or had too little memory. The "
                    "same command goes on where it stopped; fewer --jobs need less memory."
                ) from error
            raise


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that are started now do not hear Ctrl-C, which a terminal sends to all; this one ends them."""
    for name in _TRACKERS:  # which each let the signal through again where they start later
        with suppress(ImportError, AttributeError):
            importlib.import_module(name).ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Workers that are started now use one thread each: there is one for each core already."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _cluster(backend: str, jobs: int, address: str) -> Iterator[int]:
    """How many jobs ``joblib.Parallel`` is to have, while a cluster is there; -1: as many as there are workers."""
    with ExitStack() as stack:
        if backend == "dask":
            distributed = importlib.import_module("distributed")
            if address:
                target: Any = address
            else:
                target = stack.enter_context(
                    distributed.LocalCluster(jobs, threads_per_worker=1, dashboard_address=None, silence_logs=40)
                )
            stack.enter_context(_client(distributed, target))
            yield -1
        elif backend == "ray":
            ray = importlib.import_module("ray")
            importlib.import_module("ray.util.joblib").register_ray()
            try:
                ray.init(**({"address": address} if address else {"num_cpus": jobs}), log_to_driver=False)
            except Exception as error:  # of many types
                raise ConfigurationError(
                    f"no Ray cluster at {address or 'this machine'}: {one_line(error)}."
                ) from error
            stack.callback(ray.shutdown)
            yield -1 if address else jobs
        else:
            yield jobs


def _client(distributed: Any, target: Any) -> Any:
    try:
        return distributed.Client(target, timeout=_PATIENCE_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise ConfigurationError(
            f"no Dask scheduler answers at {target}: {one_line(error)}; expected one like tcp://192.0.2.1:8786, which "
            "`dask scheduler` prints."
        ) from error
