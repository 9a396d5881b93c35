// Runs the compiler whose path is given: its input comes from stdin, its output goes to stdout, both in Solidity's
// standard JSON. The package's own wrapper would need more packages.
const { readFileSync, writeSync } = require("node:fs");

function compiled(path, input) {
  const solc = require(path);
  return solc.cwrap("solidity_compile", "string", ["string", "number", "number"])(input, 0, 0);
}

let status = 0;
try {
  const output = Buffer.from(compiled(process.argv[2], readFileSync(0, "utf8")));
  for (let sent = 0; sent < output.length; ) sent += writeSync(1, output, sent);
} catch (error) {
  writeSync(2, String(error.message ?? error));
  status = 1;
}
// The compiler leaves handlers behind that would keep node waiting.
process.exit(status);
