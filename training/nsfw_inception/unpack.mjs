// node unpack.mjs PACKAGE OUT: nsfwjs's InceptionV3 as a tfjs layers model on disk (model.json, weights.bin).
// PACKAGE is the unpacked npm package nsfwjs 4.4.0, whose weights are base64 inside JavaScript modules.
import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const require = createRequire(import.meta.url);
const [from, to] = process.argv.slice(2);
const folder = join(resolve(from), "dist/models/inception_v3");
const model = require(join(folder, "model.min.js"));
const [group] = model.weightsManifest;
const shards = group.paths.map((_, i) =>
  Buffer.from(require(join(folder, `group1-shard${i + 1}of${group.paths.length}.min.js`)), "base64"));
mkdirSync(to, { recursive: true });
writeFileSync(join(to, "weights.bin"), Buffer.concat(shards));
const manifest = [{ paths: ["weights.bin"], weights: group.weights }];
writeFileSync(join(to, "model.json"), JSON.stringify({ modelTopology: model.modelTopology, weightsManifest: manifest }));
