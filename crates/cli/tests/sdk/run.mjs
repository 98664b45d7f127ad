// Drives the built program through the TypeScript SDK, as a program written for it would.
// argv: SDK directory, codex binary, base URL of the scripted server, workspace, CODEX_HOME. Prints one JSON object.
import { pathToFileURL } from "node:url";
import path from "node:path";

const [sdkDirectory, codexPathOverride, baseUrl, workingDirectory, codexHome] = process.argv.slice(2);
const sdk = path.join(sdkDirectory, "node_modules/@openai/codex-sdk/dist/index.js");
const { Codex } = await import(pathToFileURL(sdk).href);

const codex = new Codex({
  codexPathOverride,
  baseUrl,
  apiKey: "key-from-sdk",
  env: { PATH: process.env.PATH, HOME: process.env.HOME, CODEX_HOME: codexHome },
  config: { show_raw_agent_reasoning: true },
});
const options = { model: "mock", workingDirectory, skipGitRepoCheck: true, sandboxMode: "workspace-write",
                  threadSource: "sdk-test", modelReasoningEffort: "high", networkAccessEnabled: false };

const thread = codex.startThread(options);
const first = await thread.run("write hello.txt");

const streamed = await thread.runStreamed("and again");
const events = [];
for await (const event of streamed.events) events.push(event);

const resumed = codex.resumeThread(thread.id, options);
const last = await resumed.run([{ type: "text", text: "part one" }, { type: "text", text: "part two" }]);

console.log(JSON.stringify({
  threadId: thread.id,
  first: { finalResponse: first.finalResponse, items: first.items, usage: first.usage },
  events,
  last: { finalResponse: last.finalResponse, usage: last.usage, sameThread: resumed.id === thread.id },
}));
