// node reference.mjs MODEL PICTURES OUT: what tfjs itself answers, by nsfwjs's own preprocessing.
// MODEL holds model.json and weights.bin; PICTURES holds NAME.json {height, width} and NAME.rgb; OUT is a JSON.
// Needs @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm 4.22.0, found from the folder that the command is run in.
import { createRequire } from "node:module";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-wasm");
const [from, pictures, out] = process.argv.slice(2);
const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(from, "model.json"), "utf8"));
const content = readFileSync(join(from, "weights.bin"));
const weightData = content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
const weightSpecs = weightsManifest[0].weights;
await tf.setBackend("wasm");
const model = await tf.loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
const answers = {};
for (const file of readdirSync(pictures).filter((name) => name.endsWith(".json")).sort()) {
  const { height, width } = JSON.parse(readFileSync(join(pictures, file), "utf8"));
  const pixels = new Int32Array(readFileSync(join(pictures, file.replace(".json", ".rgb"))));
  answers[file.replace(".json", "")] = tf.tidy(() => {
    const whole = tf.tensor3d(pixels, [height, width, 3], "int32").toFloat().div(255);
    const sized = height === 299 && width === 299 ? whole : tf.image.resizeBilinear(whole, [299, 299], true);
    return Array.from(model.predict(sized.expandDims(0)).dataSync());
  });
  console.log(file, answers[file.replace(".json", "")].map((x) => x.toFixed(4)).join(" "));
}
writeFileSync(resolve(out), JSON.stringify(answers, null, 1) + "\n");
