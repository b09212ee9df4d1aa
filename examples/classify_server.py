r"""A web server that names what is in a photograph: FastAPI under gunicorn.

cd examples && ALEXNET_WEIGHTS=alexnet.pth OMP_NUM_THREADS=1 \
    gunicorn classify_server:app --preload -w 2 -k uvicorn.workers.UvicornWorker
curl --data-binary @cat.jpg http://127.0.0.1:8000/classify

With --preload the weights are opened before the workers are forked, so that a file that is no
AlexNet ends the server and not every worker. One worker for each processor, on one thread each,
answers the most requests; one worker on all of them answers a request soonest.
"""

from __future__ import annotations

import os

from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from alexnet_cy import AlexNet, ImageError

WEIGHTS = os.environ.get("ALEXNET_WEIGHTS")
LARGEST_BYTES = 20_000_000

net = AlexNet.load(WEIGHTS) if WEIGHTS else AlexNet.random()
app = FastAPI()


@app.post("/classify")
async def classify(request: Request, top: int = 5) -> list[dict[str, object]]:
    """Return the most probable classes of the photograph in the body."""
    content = await request.body()
    if len(content) > LARGEST_BYTES:
        raise HTTPException(413, "the photograph is too large")
    try:
        # On a thread, so that the server goes on answering; the network may be used by several.
        predictions = await run_in_threadpool(net.classify, content, top)
    except (ImageError, ValueError) as error:
        raise HTTPException(400, str(error)) from error
    return [prediction._asdict() for prediction in predictions]
