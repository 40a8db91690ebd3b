import { test } from "node:test";
import { findPythonTuf } from "./python-tuf-client.ts";
import { PYTHON_TUF_DISAGREEMENTS } from "./rival-exceptions.ts";
import { rivalSuite } from "./rival-suite.ts";

const rival = findPythonTuf();
if (rival === undefined) {
  test("python-tuf as a rival opinion", { skip: "python-tuf 6 or newer is not installed" }, () => {});
} else rivalSuite(rival, PYTHON_TUF_DISAGREEMENTS);
