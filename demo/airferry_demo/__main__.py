"""`make demo`: both acts, the table, and everything left in .demo/ to look at."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from airferry_demo import act_one, act_two
from airferry_demo.stage import DemoFailed, Stage
from airferry_demo.summary import summary
from airferry_fixtures.servers.process import ServerFailed

FOLDER = Path(".demo").absolute()


def main() -> int:
    """Run the demo; 0 if everything went as told."""
    signal.signal(signal.SIGINT, _interrupted)  # also where whoever started us ignores it
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    shutil.rmtree(FOLDER, ignore_errors=True)
    stage = Stage(FOLDER)
    begun = time.monotonic()
    try:
        with ExitStack() as servers:
            kubeconfig = os.environ.get("KUBECONFIG")
            cast = act_one.play(stage, servers, isolated=not kubeconfig)
            act_two.play(stage, servers, cast, kubeconfig=kubeconfig)
    except (DemoFailed, ServerFailed) as failure:
        print(f"\nThe demo stopped: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; every process and namespace of the demo is gone.", file=sys.stderr)
        sys.stdout.flush()
        os._exit(130)  # no thread that waits for one of them holds us, or what it would begin next
    summary(stage, time.monotonic() - begun)
    return 0


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
