// Turns a JavaScript module into a component: node componentize.mjs SOURCE WIT_DIRECTORY OUTPUT
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [source, witPath, output] = process.argv.slice(2);
const { component } = await componentize(await readFile(source, "utf8"), {
  sourceName: "app.js",
  witPath,
  worldName: "hello",
});
await writeFile(output, component);
