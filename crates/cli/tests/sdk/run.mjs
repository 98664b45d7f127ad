// Drives the built program through the TypeScript SDK, as a program written for it would.
//
// argv: one JSON object, a job:
//   sdk        directory that the SDK is installed in
//   codex      options of the client
//   thread     options of its threads
//   calls      what to do, in order; each is one turn:
//     input        what the user says, as the SDK takes it
//     repeat       how often a text is said, for more than fits into an argument
//     options      options of the turn
//     resume       id of the session to go on with, or true for that of the call before; else the first call's thread
//     stream       whether to collect events instead of a result
//     abortAfter   path of a named pipe: the turn is aborted when something can be read from it
//     leaveAfter   type of event after which a streamed turn is left
// Prints one JSON array: for each call what came of it, or the error that the SDK threw.
import { open } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

const job = JSON.parse(process.argv[2]);
const sdk = path.join(job.sdk, "node_modules/@openai/codex-sdk/dist/index.js");
const { Codex } = await import(pathToFileURL(sdk).href);

const codex = new Codex(job.codex);
let thread = codex.startThread(job.thread);

// Aborts when a byte can be read from the pipe at `name`.
async function abortAfter(controller, name) {
  const pipe = await open(name, "r");
  await pipe.read(Buffer.alloc(1), 0, 1);
  controller.abort();
  await pipe.close();
}

async function turn(call) {
  if (call.resume) thread = codex.resumeThread(call.resume === true ? thread.id : call.resume, job.thread);
  const controller = new AbortController();
  const options = { ...call.options, ...(call.abortAfter ? { signal: controller.signal } : {}) };
  const aborted = call.abortAfter ? abortAfter(controller, call.abortAfter) : undefined;
  const input = call.repeat ? call.input.repeat(call.repeat) : call.input;
  const events = [];
  try {
    if (!call.stream) {
      const result = await thread.run(input, options);
      return { ...result, threadId: thread.id };
    }
    const { events: stream } = await thread.runStreamed(input, options);
    for await (const event of stream) {
      events.push(event);
      if (event.type === call.leaveAfter) break;
    }
    return { events, threadId: thread.id };
  } catch (error) {
    await aborted;
    return { error: { name: error.name, message: error.message, code: error.code }, events, threadId: thread.id };
  }
}

const results = [];
for (const call of job.calls) results.push(await turn(call));
console.log(JSON.stringify(results));
