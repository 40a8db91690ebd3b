// A program for tests/runtimes/cipher.test.ts: what the compiled cipher answers on this runtime. Must not: judge.
import { compiledCipher } from "../../src/heavy/compiled-cipher.ts";
import { cipherAnswers } from "./cipher-answers.ts";

console.log(cipherAnswers(compiledCipher()));
