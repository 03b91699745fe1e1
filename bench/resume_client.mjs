// Upload every file of a folder with tus-js-client; bench/resume.py says on stdin where to.
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import tus from "tus-js-client";

const AT_ONCE = 4;
const PATIENCE = Array(500).fill(300); // ms

const { endpoint, headers, folder } = JSON.parse(readFileSync(0, "utf8"));
const names = readdirSync(folder).sort();

const send = (name) =>
  new Promise((resolve, reject) => {
    const upload = new tus.Upload(createReadStream(join(folder, name)), {
      endpoint,
      headers,
      metadata: { filename: name },
      retryDelays: PATIENCE,
      onSuccess: resolve,
      onError: reject,
    });
    upload.start();
  });

const work = async () => {
  while (names.length) await send(names.shift());
};

await Promise.all(Array.from({ length: AT_ONCE }, work));
