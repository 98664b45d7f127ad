"""A language server of few words: finds `BAD` in files, and misbehaves as its argument says."""
import json, os, sys

mode = sys.argv[1] if len(sys.argv) > 1 else ""
open(os.environ.get("TMPDIR", "/tmp") + "/starts", "a").write(mode + "\n")
# Whoever has the other end open sees when this is gone.
held = open("held", "rb", buffering=0) if mode == "held" else None
documents = {}
# What it was asked about, by file.
answered = {}


def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


def receive():
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, value = line.split(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else sys.exit()


def walls():
    """What can be written and reached that should not be."""
    if mode == "gopls":
        os.makedirs(os.environ["GOCACHE"])
        os.makedirs(os.environ["XDG_CACHE_HOME"] + "/gopls")
        return "with a cache"
    try:
        open("written-by-a-server", "w")
        return "it can write the workspace"
    except OSError:
        return "walled"


def found(uri):
    """`BAD` in UTF-16: all that stands before it on its line is counted so."""
    for number, line in enumerate(documents.get(uri, "").split("\n")):
        at = line.find("BAD")
        if at >= 0:
            column = len(line[:at].encode("utf-16-le")) // 2
            start = {"line": number, "character": column}
            yield {"range": {"start": start, "end": start}, "severity": 1, "code": 7, "message": line[at:] + " " + walls()}


def publish(uri):
    send({"method": "textDocument/publishDiagnostics", "params": {"uri": uri, "diagnostics": list(found(uri))}})


while True:
    message = receive()
    method, params = message.get("method"), message.get("params") or {}
    if method == "initialize":
        if mode == "slow":
            continue
        if mode == "nonsense":
            print("hello", flush=True)
        capabilities = {"diagnosticProvider": {}} if mode in ("asked", "later", "checking") else {}
        is_asked_again = params["capabilities"]["workspace"].get("diagnostics", {}).get("refreshSupport")
        send({"id": message["id"], "result": {"capabilities": capabilities}})
        send({"id": 99, "method": "workspace/configuration", "params": {"items": [{}]}})
        if mode == "unwell":
            error = "cannot write\n\x1b[31mCargo.lock"
            send({"method": "experimental/serverStatus", "params": {"health": "ok", "quiescent": False, "message": None}})
            send({"method": "experimental/serverStatus", "params": {"health": "warning", "quiescent": True, "message": error}})
    elif method in ("textDocument/didOpen", "textDocument/didChange"):
        uri = params["textDocument"]["uri"]
        documents[uri] = params["textDocument"].get("text") or params["contentChanges"][0]["text"]
        if mode == "crash":
            sys.exit("broken inside")
        while mode == "flood":
            send({"method": "$/note", "params": {}})
        if mode == "working":
            # First what it sees itself, then what its compiler says.
            documents, whole = {uri: ""}, documents
            publish(uri)
            send({"method": "$/progress", "params": {"token": "check", "value": {"kind": "begin", "title": "check"}}})
            documents = whole
            publish(uri)
            send({"method": "$/progress", "params": {"token": "check", "value": {"kind": "end"}}})
        elif mode == "checking":
            send({"method": "$/progress", "params": {"token": "check", "value": {"kind": "begin", "title": "check"}}})
        elif mode not in ("asked", "later", "silent"):
            publish(uri)
    elif method == "textDocument/diagnostic":
        uri = params["textDocument"]["uri"]
        # At first it has not looked at it, and says so when it has.
        is_late = mode == "later" and answered.get(uri) != documents[uri]
        answered[uri] = documents[uri]
        is_checking = mode == "checking"
        send({"id": message["id"], "result": {"kind": "full", "items": [] if is_late or is_checking else list(found(uri))}})
        if is_checking:
            # Its compiler is done by the time that it is asked again.
            documents["asked"] = documents.get("asked", "") + "."
            if len(documents["asked"]) > 1:
                publish(uri)
                send({"method": "$/progress", "params": {"token": "check", "value": {"kind": "end"}}})
        if is_late and is_asked_again:
            send({"id": 98, "method": "workspace/diagnostic/refresh"})
    elif method == "textDocument/references":
        line, column = params["position"]["line"], params["position"]["character"]
        here = params["textDocument"]["uri"]
        place = lambda uri: {"uri": uri, "range": {"start": {"line": line, "character": column}}}
        secret = here.rsplit("/", 1)[0] + "/.env"
        send({"id": message["id"], "result": [place(here), place("file:///etc/passwd"), place(secret)]})
    elif method == "textDocument/definition":
        send({"id": message["id"], "result": None})
