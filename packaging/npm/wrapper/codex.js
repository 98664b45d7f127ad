#!/usr/bin/env node
// Finds the program in the package for this type of machine, and becomes it.
"use strict";
const { spawn } = require("node:child_process");
const { closeSync, openSync } = require("node:fs");

const own = require("./package.json");
const wanted = `${own.name}-${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${wanted}/bin/codex`);
} catch {
  const known = Object.keys(own.optionalDependencies).map((name) => name.slice(own.name.length + 1));
  console.error(
    known.includes(`${process.platform}-${process.arch}`)
      ? `codex: the package ${wanted} is missing. Install ${own.name} again, without --omit=optional or --no-optional.`
      : `codex: there is no program for ${process.platform}-${process.arch}; there is one for ${known.join(", ")}.`,
  );
  process.exit(1);
}

const words = process.argv.slice(2);
if (process.execve) {
  // One process: signals, the terminal and the exit code are the program's. Node warns that this is new.
  process.removeAllListeners("warning");
  process.execve(program, [program, ...words], process.env);
}
const child = spawn(program, words, { stdio: "inherit" });
child.on("error", (error) => {
  console.error(`codex: ${program} cannot be started: ${error.message}`);
  process.exit(1);
});
// A terminal sends Ctrl-C and Ctrl-\ to both, and the program must not get them twice: a second one ends it at once.
// It does so wherever there is one, though no standard stream be it.
let alone = false;
try {
  closeSync(openSync("/dev/tty"));
} catch {
  alone = true;
}
for (const signal of ["SIGINT", "SIGQUIT"]) process.on(signal, () => alone && child.kill(signal));
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
