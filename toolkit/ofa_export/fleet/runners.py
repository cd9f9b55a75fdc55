"""Ways to run many independent tasks: processes of this computer, or a Ray cluster.

Both hand out results as they come, and run a task again whose worker died.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stdout
from typing import Any, Protocol, TypeVar

from ofa_export.errors import ConfigError, MissingToolError, WorkerError

T = TypeVar("T")
R = TypeVar("R")

DEATHS = 3
"""So many workers in a row may die without one task being done in between."""


class Runner(Protocol):
    """Runs a function on many arguments."""

    def __call__(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """Results as they come, in any order.

        Args:
            function: can be pickled; has no effect that a second call would spoil.
            tasks: its arguments, which can be pickled.

        Raises:
            WorkerError: workers go on dying.
        """
        ...


def process_runner(workers: int) -> Runner:
    """Tasks in processes of this computer.

    Args:
        workers: how many at once.
    """

    def run(function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        left, deaths = dict(enumerate(tasks)), 0
        while left:
            # Spawned, not forked: a fork of a process that has threads may hang.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(min(workers, len(left)), mp_context=context) as pool:
                numbers = {pool.submit(function, task): number for number, task in left.items()}
                try:
                    for future in as_completed(numbers):
                        result = future.result()
                        deaths = 0
                        del left[numbers[future]]
                        yield result
                except BrokenProcessPool as error:
                    deaths += 1
                    if deaths == DEATHS:
                        raise _gave_up(len(left)) from error

    return run


@contextmanager
def ray_runner(address: str) -> Iterator[Runner]:
    """Tasks on a Ray cluster; its nodes need the same package, and see checkpoint and output under the same paths.

    Args:
        address: of the cluster, "auto" for the one of this computer, or "local" to start one here.

    Yields:
        The runner, connected until the block ends. What Ray prints goes to stderr.

    Raises:
        MissingToolError: Ray is not installed.
        ConfigError: no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingToolError(
            'Ray is not installed. Install it with `pip install "ofa-export[fleet]"`, or leave out --ray.'
        ) from error
    with redirect_stdout(sys.stderr):
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"No Ray cluster answers at '{address}': {str(error).splitlines()[0]} Start one with "
                "`ray start --head`, set RAY_AUTH_MODE=token if it wants a token (~/.ray/auth_token), or leave out "
                "--ray to use this computer's processes."
            ) from error
        try:
            yield _run_on_ray
        finally:
            ray.shutdown()


def _run_on_ray(function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    import ray

    def call(task: T) -> R:
        # Ray takes a function, and nothing else that can be called.
        return function(task)

    remote: Any = ray.remote(max_retries=DEATHS)(call)
    waiting = [remote.remote(task) for task in tasks]
    while waiting:
        done, waiting = ray.wait(waiting)
        try:
            yield from ray.get(done)
        except ray.exceptions.WorkerCrashedError as error:
            raise _gave_up(len(waiting) + 1) from error
        except ray.exceptions.RayError as error:
            raise WorkerError(
                f"A worker of the Ray cluster cannot do its task: {str(error).strip().splitlines()[-1]}. Every node "
                "needs this version of ofa-export; what is complete stays, --resume goes on from there."
            ) from error


def _gave_up(left: int) -> WorkerError:
    return WorkerError(
        f"{DEATHS} workers died in a row with {left} bundles left, most often because memory ran out. What is complete "
        "stays: run the same command with --resume and fewer --workers."
    )
