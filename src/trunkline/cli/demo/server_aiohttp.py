"""A web application on aiohttp, on both families."""

import asyncio
import hashlib
import socket
import sys

from aiohttp import web


async def index(request: web.Request) -> web.Response:
    return web.json_response({"host": socket.gethostname(), "you": request.remote})


async def blob(request: web.Request) -> web.Response:
    body = bytes(range(256)) * (int(request.match_info["size"]) // 256)
    digest = hashlib.sha256(body).hexdigest()
    return web.Response(body=body, headers={"X-Digest": digest})


async def main() -> None:
    app = web.Application()
    app.add_routes([web.get("/", index), web.get("/blob/{size}", blob)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, port=int(sys.argv[1])).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
