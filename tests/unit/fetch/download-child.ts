// A process for the download tests: `download-child.ts JSON` downloads one artifact from one mirror and prints
// "fetched <bytes>", or the code of the error.

import type { Artifact, Verified } from "../../../src/api.ts";
import { asUpdateError } from "../../../src/errors.ts";
import { downloadArtifact } from "../../../src/fetch/download.ts";
import { createHttpClient } from "../../../src/net/http-client.ts";
import { DEFAULT_NETWORK_POLICY } from "../../../src/net/network-policy.ts";
import { createHttpsSource } from "../../../src/sources/https.ts";

export interface DownloadChildOptions {
  readonly artifact: Artifact;
  readonly url: string;
  readonly partialDir: string;
  readonly destination: string;
}

const { artifact, url, ...places } = JSON.parse(process.argv[2] ?? "") as DownloadChildOptions;
const client = createHttpClient(DEFAULT_NETWORK_POLICY);
try {
  const got = await downloadArtifact({
    artifact: artifact as Verified<Artifact>, // the test measured it
    sources: [createHttpsSource({ url, priority: 1, client })],
    ...places,
    signal: new AbortController().signal,
    onEvent: (e) => {
      if (e.type === "waiting") console.log("waiting");
    },
  });
  console.log(`fetched ${got.bytesFetched}`);
} catch (e) {
  console.log(asUpdateError(e).code);
}
await client.close();
