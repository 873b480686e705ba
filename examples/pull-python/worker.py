"""A pull worker in Python (3.9 or newer), with the standard library alone: claims tasks over HTTP, does them, keeps their leases.

    MILLRACE_URL=https://jobs.example.com MILLRACE_TOKEN=... MILLRACE_DOMAIN=media python3 worker.py

The token needs the role `worker`. Stop it with Ctrl-C or SIGTERM: it gives back what it holds.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from datetime import datetime

URL = os.environ.get("MILLRACE_URL", "http://127.0.0.1:8787")
DOMAIN = os.environ.get("MILLRACE_DOMAIN", "media")
WORKER = os.environ.get("MILLRACE_WORKER", f"python-{os.getpid()}")
TYPES = os.environ.get("MILLRACE_TYPES")
LEASE = os.environ.get("MILLRACE_LEASE", "20s")

stopping = threading.Event()


class Refused(Exception):
    """The mill said no; `code` says why."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status = status
        self.code = code


def work(task, stop, progress):
    """The work itself: returns the result; an exception is retried by the task's policy. `stop` is set when nobody wants it any more."""
    payload = task["payload"] or {}
    steps = payload.get("steps", 1)
    for step in range(steps):
        if stop.wait(payload.get("ms", 10) / 1000):
            raise InterruptedError("stopped")
        progress((step + 1) / steps)
    if payload.get("fail"):
        raise RuntimeError(payload["fail"])
    return {"words": len(str(payload.get("text", "")).split()), "by": WORKER}


def post(path, body=None):
    headers = {"content-type": "application/json"}
    if os.environ.get("MILLRACE_TOKEN"):
        headers["authorization"] = f"Bearer {os.environ['MILLRACE_TOKEN']}"
    request = urllib.request.Request(URL + path, json.dumps(body or {}).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            problem = json.load(error)
        except ValueError:
            problem = {}
        raise Refused(error.code, problem.get("code"), problem.get("detail", str(error))) from None


def settle(lease, verb, body=None):
    """Says how it ended, again where nobody answers: the work is done, and the lease is still renewed."""
    for tries in range(1, 6):
        try:
            return post(f"/v1/claims/{lease}/{verb}", body)
        except (Refused, OSError) as error:
            # What the mill refuses it refuses again; no answer, or 503, says nothing about the task.
            if tries == 5 or (isinstance(error, Refused) and error.status != 503):
                raise
            time.sleep(0.5 * 2**tries)


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def perform(claim):
    lease, task = claim["lease"], claim["task"]
    length = instant(claim["leaseUntil"]) - instant(task["startedAt"])
    stop, done, state = threading.Event(), threading.Event(), {"fraction": 0}

    def beat():
        # A third of the lease: two renewals may fail before it ends.
        due = time.monotonic() + length / 3
        while not done.wait(0.05):
            if stopping.is_set():
                stop.set()
            if time.monotonic() < due:
                continue
            due = time.monotonic() + length / 3
            try:
                if post(f"/v1/claims/{lease}/renew", {"progress": state["fraction"]})["cancelled"]:
                    stop.set()
            except Refused as refused:
                if refused.code == "lease_lost":
                    stop.set()
            except OSError:
                pass

    keeper = threading.Thread(target=beat, daemon=True)
    keeper.start()
    try:
        try:
            end = ("complete", {"result": work(task, stop, lambda value: state.update(fraction=value))})
        except Exception as error:
            told = {"name": type(error).__name__, "message": str(error) or repr(error), "stack": traceback.format_exc()}
            end = ("release", None) if stop.is_set() else ("fail", {"error": told})
        answer = settle(lease, *end)
    except Refused as refused:
        if refused.code != "lease_lost":
            raise
        answer = None
    finally:
        done.set()
        keeper.join()
    # Lost: somebody else has the task by now, and whatever this worker says counts no more.
    print(task["id"], answer["status"] if answer else "lost", flush=True)


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    asked = {"worker": WORKER, "lease": LEASE, "wait": "10s"}
    if TYPES:
        asked["types"] = TYPES.split(",")
    while not stopping.is_set():
        try:
            for claim in post(f"/v1/domains/{DOMAIN}/claims", asked)["claims"]:
                perform(claim)
        except (Refused, OSError) as error:
            print(f"{error}; asking again", file=sys.stderr, flush=True)
            stopping.wait(1)


if __name__ == "__main__":
    main()
