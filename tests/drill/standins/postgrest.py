"""A stand-in for PostgREST with the one table that the exporter asks for, and for any other HTTP endpoint that is probed."""

from .server import Server

STALE = {
    "code": "PGRST002",
    "details": None,
    "hint": None,
    "message": "Could not query the database for the schema cache. Retrying.",
}


class PostgREST:
    """`state` is ok, stale (the schema cache) or failing (500)."""

    def __init__(self, key):
        self.key, self.state = key, "ok"
        self.server = Server(self.answer)
        self.url = f"http://{self.server.address}"

    def answer(self, request):
        if self.state == "stale":
            return 503, {"Content-Type": "application/json; charset=utf-8"}, STALE
        if self.state == "failing":
            return 500, {"Content-Type": "application/json; charset=utf-8"}, {"code": "XX000", "message": "internal error"}
        if request.headers.get("apikey") != self.key:
            return 401, {}, {"message": "No API key found in request"}
        if request.path != "/simplicity_batches" or request.headers.get("Accept-Profile") != "intake":
            return 404, {}, {"code": "PGRST205", "message": "Could not find the table in the schema cache"}
        return 200, {"Content-Type": "application/json; charset=utf-8", "Content-Range": "0-0/*"}, []


class Endpoint:
    """Any endpoint of a gateway: 200 while it is well, 503 when it is not."""

    def __init__(self):
        self.well = True
        self.server = Server(lambda _: (200, {}, "ok") if self.well else (503, {}, "unavailable"))
        self.url = f"http://{self.server.address}/health"
