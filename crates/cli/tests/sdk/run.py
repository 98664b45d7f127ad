# Drives the built program through the official Python SDK, as a program written for it would.
#
# argv: one JSON object, a job:
#   codex   options of the client
#   thread  options of its threads
#   calls   what to do, in order, each an object with the member `do` and what it takes
# Prints one JSON array: for each call what came of it, or the error that the SDK raised.
import json
import sys

from openai_codex import ApprovalMode, Codex, CodexConfig, Sandbox


class Job:
    def __init__(self, codex, options):
        self.codex = codex
        self.options = options
        self.thread = None

    # A thread, and the id that it has.
    def start(self, call):
        options = {**self.options, **call.get("options", {})}
        options["sandbox"] = Sandbox(options["sandbox"])
        options["approval_mode"] = ApprovalMode(options["approval_mode"])
        self.thread = self.codex.thread_start(**options)
        return {"id": self.thread.id}

    def resume(self, call):
        self.thread = self.codex.thread_resume(call.get("id") or self.thread.id)
        return {"id": self.thread.id}

    def fork(self, call):
        self.thread = self.codex.thread_fork(call.get("id") or self.thread.id)
        return {"id": self.thread.id}

    def run(self, call):
        return result(self.thread.run(call["input"], **call.get("options", {})))

    # The methods of notifications, and the text that came in pieces.
    def stream(self, call):
        methods, text = [], ""
        for notification in self.thread.turn(call["input"]).stream():
            methods.append(notification.method)
            if notification.method == "item/agentMessage/delta":
                text += notification.payload.delta
        return {"methods": methods, "text": text}

    # Says something more when something can be read from the pipe `after`, then writes to the pipe `go`.
    def steer(self, call):
        turn = self.thread.turn(call["input"])
        with open(call["after"], "rb") as pipe:
            pipe.read(1)
        turn.steer(call["steer"])
        with open(call["go"], "wb") as pipe:
            pipe.write(b"\n")
        return result(turn.run())

    # Interrupts the turn when something can be read from the pipe `after`.
    def interrupt(self, call):
        turn = self.thread.turn(call["input"])
        with open(call["after"], "rb") as pipe:
            pipe.read(1)
        turn.interrupt()
        return result(turn.run())

    def read(self, call):
        return dump(self.thread.read(include_turns=True))

    def list(self, call):
        return dump(self.codex.thread_list(**call.get("options", {})))

    def name(self, call):
        self.thread.set_name(call["name"])
        return None

    def archive(self, call):
        self.codex.thread_archive(self.thread.id)
        return None

    def unarchive(self, call):
        self.thread = self.codex.thread_unarchive(self.thread.id)
        return {"id": self.thread.id}

    def compact(self, call):
        compacted = self.thread.compact()
        while any(turn.status.value == "inProgress" for turn in self.thread.read(include_turns=True).thread.turns):
            pass
        return dump(compacted)

    def models(self, call):
        return dump(self.codex.models())

    def account(self, call):
        return dump(self.codex.account())


def dump(model):
    return model.model_dump(mode="json", by_alias=True, warnings=False)


def result(turn):
    items = [dump(item) for item in turn.items]
    return {"finalResponse": turn.final_response, "status": turn.status.value, "items": items}


def main():
    job = json.loads(sys.argv[1])
    results = []
    with Codex(CodexConfig(**job["codex"])) as codex:
        doing = Job(codex, job["thread"])
        for call in job["calls"]:
            try:
                results.append(getattr(doing, call["do"])(call))
            except Exception as error:  # noqa: BLE001: what the SDK raises is a result
                results.append({"error": {"name": type(error).__name__, "message": str(error)}})
    print(json.dumps(results))


main()
