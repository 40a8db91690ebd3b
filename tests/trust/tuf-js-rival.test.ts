import { TUF_JS_DISAGREEMENTS } from "./rival-exceptions.ts";
import { rivalSuite } from "./rival-suite.ts";
import { tufJs } from "./tuf-js-client.ts";

rivalSuite(tufJs, TUF_JS_DISAGREEMENTS);
