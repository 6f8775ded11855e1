// Generated from packages/server/src/events/audit by npm run generate. Needs Node 20 and nothing else.

// packages/server/src/events/audit/standalone.ts
import { readFileSync } from "node:fs";

// packages/server/src/crypto/chain.ts
import { createHash, hash } from "node:crypto";
var FIRST_PREV = Buffer.alloc(32);
var LABEL = Buffer.from("countersign/seal/v1\n");
var AT = { tenant: LABEL.length, seq: LABEL.length + 16, prev: LABEL.length + 24, digest: LABEL.length + 56 };
var LENGTH = LABEL.length + 88;
var digestOf = (event) => createHash("sha256").update(event).digest();
var digestHex = (event) => hash("sha256", event, "hex");
function chainOf(tenantUuid2) {
  const link = chainHex(tenantUuid2);
  return (seq, prev, digest) => Buffer.from(link(seq, prev.toString("hex"), digest.toString("hex")), "hex");
}
function chainHex(tenantUuid2) {
  const bytes = Buffer.alloc(LENGTH);
  LABEL.copy(bytes);
  bytes.write(tenantUuid2.replaceAll("-", ""), AT.tenant, "hex");
  return (seq, prev, digest) => {
    bytes.writeUInt32BE(Math.floor(seq / 2 ** 32), AT.seq);
    bytes.writeUInt32BE(seq % 2 ** 32, AT.seq + 4);
    bytes.write(prev, AT.prev, "hex");
    bytes.write(digest, AT.digest, "hex");
    return hash("sha256", bytes, "hex");
  };
}

// packages/server/src/crypto/ed25519.ts
import {
  createHash as createHash2,
  createPrivateKey,
  createPublicKey,
  sign as nodeSign,
  verify as nodeVerify
} from "node:crypto";
var PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
var SPKI = Buffer.from("302a300506032b6570032100", "hex");
var publicOf = (raw) => createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
var ed25519Verify = (publicKey, message, signature) => publicKey.length === 32 && signature.length === 64 && nodeVerify(null, Buffer.from(message), publicOf(publicKey), signature);
var ALGORITHM = Buffer.of(1);
var VERIFIER = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/;
var SIGNATURE = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/;
var keyId = (name, key) => createHash2("sha256").update(`${name}
`).update(ALGORITHM).update(key).digest().subarray(0, 4);
var verifierKey = (name, key) => `${name}+${keyId(name, key).toString("hex")}+${Buffer.concat([ALGORITHM, key]).toString("base64")}`;
function parseVerifier(text2) {
  const [, name, id, encoded] = VERIFIER.exec(text2.trim()) ?? [];
  if (!name || !id || !encoded) return null;
  const bytes = Buffer.from(encoded, "base64");
  const key = bytes.subarray(1);
  if (bytes[0] !== 1 || key.length !== 32 || keyId(name, key).toString("hex") !== id) return null;
  return { name, id: keyId(name, key), key };
}
function parseCheckpoint(note) {
  const [text2, tail] = note.split("\n\n");
  const [origin, size, root, ...rest] = (text2 ?? "").split("\n");
  const lines = (tail ?? "").split("\n").filter((line) => line !== "");
  if (!origin || !size || !root || rest.length > 0 || lines.length === 0 || !/^(0|[1-9]\d{0,14})$/.test(size)) return null;
  const hash4 = Buffer.from(root, "base64");
  if (hash4.length !== 32 || hash4.toString("base64") !== root) return null;
  const signatures = lines.map((line) => {
    const [, name = "", encoded = ""] = SIGNATURE.exec(line) ?? [];
    const bytes = Buffer.from(encoded, "base64");
    return { name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) };
  });
  return { origin, size: Number(size), root: hash4, text: `${text2}
`, signatures };
}
var isSignedBy = (note, verifiers) => note.signatures.some(
  ({ name, id, signature }) => verifiers.some(
    (one) => one.name === name && name === note.origin && one.id.equals(id) && ed25519Verify(one.key, note.text, signature)
  )
);
var PART = /^[A-Za-z0-9_-]+$/;
function parseJws(token) {
  const parts = token.trim().split(".");
  const [header = "", payload = "", signature = ""] = parts;
  const bytes = [header, payload, signature].map((part) => Buffer.from(part, "base64url"));
  if (parts.length !== 3 || parts.some((part, i) => !PART.test(part) || bytes[i]?.toString("base64url") !== part)) return null;
  let read2;
  try {
    read2 = JSON.parse(bytes[0].toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { alg, typ, kid } = read2 ?? {};
  if (alg !== "EdDSA" || typeof typ !== "string" || typeof kid !== "string") return null;
  return {
    header: { alg, typ, kid },
    payload: bytes[1].toString("utf8"),
    verify: (publicKey) => ed25519Verify(publicKey, `${header}.${payload}`, bytes[2])
  };
}

// packages/server/src/crypto/merkle.ts
import { createHash as createHash3, hash as hash2 } from "node:crypto";
var LEAF = Buffer.of(0);
var NODE = Buffer.of(1);
var leafHash = (data) => createHash3("sha256").update(LEAF).update(data).digest();
var nodeHash = (left, right) => createHash3("sha256").update(NODE).update(left).update(right).digest();
var EMPTY_ROOT = createHash3("sha256").digest();
function nodesOf(lo, hi) {
  const nodes = [];
  for (let at = lo; at < hi; ) {
    let level = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= hi) {
      width *= 2;
      level += 1;
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}
function provesInclusion(index, size, leaf, proof, root) {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  let [at, last, hash4] = [index, size - 1, leaf];
  for (const step of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash4 = nodeHash(step, hash4);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else hash4 = nodeHash(hash4, step);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && hash4.equals(root);
}
var leafBytes = Buffer.alloc(33);
var nodeBytes = Buffer.alloc(65, 1);
function leafHex(data) {
  leafBytes.write(data, 1, "hex");
  return hash2("sha256", leafBytes, "hex");
}
function nodeHex(left, right) {
  nodeBytes.write(left, 1, "hex");
  nodeBytes.write(right, 33, "hex");
  return hash2("sha256", nodeBytes, "hex");
}
function growTree() {
  const edge = [];
  const levels = [];
  let size = 0;
  const push = (level, leaf) => {
    let [at, top] = [level, leaf];
    while (levels.length > 0 && levels[levels.length - 1] === at) {
      levels.pop();
      top = nodeHex(edge.pop(), top);
      at += 1;
    }
    edge.push(top);
    levels.push(at);
    size += 2 ** level;
  };
  return {
    get size() {
      return size;
    },
    add: (leaf) => push(0, leaf),
    /** A whole subtree that comes next. */
    join({ level, index }, whole) {
      if (index * 2 ** level !== size) throw new RangeError("A subtree is joined where the tree ends.");
      push(level, whole);
    },
    root: () => edge.length === 0 ? EMPTY_ROOT : Buffer.from(
      edge.reduceRight((right, left) => nodeHex(left, right)),
      "hex"
    )
  };
}

// packages/server/src/std/id.ts
var ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
var BODY = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
function decode(text2) {
  let value = 0n;
  for (const char of text2) value = value << 5n | BigInt(ALPHABET.indexOf(char));
  const bytes = new Uint8Array(16);
  for (let i = 15; i >= 0; i--) {
    bytes[i] = Number(value & 255n);
    value >>= 8n;
  }
  return bytes;
}
var pool = new Uint8Array(4096);
var used = pool.length;
var toUuid = (bytes) => Buffer.from(bytes).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
var isId = (prefix, text2) => typeof text2 === "string" && text2.startsWith(`${prefix}_`) && BODY.test(text2.slice(prefix.length + 1));
var tenantUuid = (wire) => isId("ten", wire) ? toUuid(decode(wire.slice(4))) : null;

// packages/server/src/events/audit/verify.ts
var EXIT = {
  sound: 0,
  unreadable: 2,
  gap: 10,
  altered: 11,
  reordered: 12,
  truncated: 13,
  forked: 14,
  bad_signature: 15
};
function verifierOptions(given) {
  const { keys } = given.keyFile === void 0 ? {} : JSON.parse(given.keyFile);
  const published = (Array.isArray(keys) ? keys : []).map((one) => Buffer.from(String(one.public_key), "base64"));
  if (given.keyFile !== void 0 && published.length === 0) throw new Error("The file of keys holds no key.");
  const last = given.against?.trimEnd().split("\n").at(-1) ?? "";
  const older = last.startsWith(CLOSING.toString()) ? readClosing(Buffer.from(last))?.note : given.against;
  return {
    ...given.keys?.length ? { keys: given.keys } : {},
    ...published.length > 0 ? { publicKeys: published } : {},
    ...older === void 0 ? {} : { against: older }
  };
}
var Bad = class extends Error {
  fault;
  seq;
  constructor(fault, says, seq = null) {
    super(says);
    this.fault = fault;
    this.seq = seq;
  }
};
async function verifyLog(open, last, options = {}) {
  const state = {
    ...{ verdict: "sound", says: "", first_bad_seq: null, origin: null, from_seq: null, to_seq: null, events: 0, digests: 0 },
    ...{ size: null, root: null, key: null }
  };
  try {
    await judge(open, last, options, state);
    state.says = `Sound: events ${state.from_seq} to ${state.to_seq} of ${state.origin} are as they were signed.`;
    return state;
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    return { ...state, verdict: error.fault, says: error.message, first_bad_seq: error.seq };
  }
}
async function judge(open, last, options, state) {
  const closing = readClosing(last);
  const note = closing && parseCheckpoint(closing.note);
  if (closing && !note) throw new Bad("unreadable", "The closing line holds no note of a checkpoint.");
  const older = olderNote(options, note);
  const tree = growTree();
  const roots = /* @__PURE__ */ new Map();
  const mark = () => {
    if (older && tree.size === older.size) roots.set(older.size, tree.root().toString("hex"));
  };
  if (closing) {
    Object.assign(state, { origin: note?.origin, size: note?.size, root: note?.root.toString("hex") });
    join(tree, 0, closing.from_seq - 1, closing.left);
    mark();
  }
  await chain(open, closing, note, state, (leaf) => {
    tree.add(leafHex(leaf));
    mark();
  });
  if (!closing || !note)
    throw new Bad("truncated", "The export has no closing note: its end is missing.", (state.to_seq ?? 0) + 1);
  if ((state.to_seq ?? closing.from_seq - 1) < closing.to_seq)
    throw new Bad(
      "truncated",
      `The export ends at ${state.to_seq}, and its note says ${closing.to_seq}.`,
      (state.to_seq ?? 0) + 1
    );
  join(tree, closing.to_seq, note.size, closing.right);
  checkSignature(note, closing, options, state);
  if (tree.size !== note.size || !tree.root().equals(note.root))
    throw new Bad("forked", "The lines are not the log that the note signs: their tree has another root.", null);
  if (older) checkOlder(older, note, roots, closing, options);
}
function join(tree, from, to, hashes) {
  const nodes = nodesOf(from, to);
  if (nodes.length !== hashes.length) throw new Bad("unreadable", "The closing line does not say what lies beside its range.");
  for (const [i, node] of nodes.entries()) tree.join(node, hashes[i]);
}
async function chain(open, closing, note, state, add) {
  let link = note ? chainHex(uuidOf(note.origin)) : null;
  let prev = closing?.from_seq === 1 ? FIRST : null;
  let expected = closing?.from_seq ?? null;
  for await (const lines of linesOf(open()))
    for (const bytes of lines) {
      const line = readLine(bytes);
      if (!line) {
        if (bytes.subarray(0, CLOSING.length).equals(CLOSING)) return;
        throw new Bad("unreadable", `Line ${state.events + 1} is no line of an export.`, expected);
      }
      expected ??= line.seq;
      if (line.seq !== expected) throw await outOfPlace(open, line.seq, expected);
      link ??= chainHex(uuidOf(tenantOf(line.event)));
      prev ??= line.seq === 1 ? FIRST : line.prev;
      if (line.prev !== prev || link(line.seq, prev, line.event ? digestHex(line.event) : line.digest) !== line.hash)
        throw new Bad("altered", `Event ${line.seq} is not what was sealed.`, line.seq);
      prev = line.hash;
      add(line.hash);
      state.events += 1;
      if (!line.event) state.digests += 1;
      state.from_seq ??= line.seq;
      state.to_seq = line.seq;
      expected += 1;
    }
}
async function outOfPlace(open, found, expected) {
  if (found < expected) return new Bad("reordered", `Event ${found} stands where ${expected} belongs.`, expected);
  for await (const lines of linesOf(open()))
    if (lines.some((bytes) => readLine(bytes)?.seq === expected))
      return new Bad("reordered", `Event ${found} stands where ${expected} belongs, which comes later.`, expected);
  return new Bad("gap", `Event ${expected} is missing.`, expected);
}
function checkSignature(note, closing, options, state) {
  const { trusted, verifiers } = verifiersFor(note, closing, options);
  state.key = trusted ? "trusted" : "from the file";
  if (!isSignedBy(note, verifiers))
    throw new Bad("bad_signature", trusted ? "No key that you trust signed the note." : "The signature of the note is wrong.");
}
function verifiersFor(note, closing, { keys = [], publicKeys = [] }) {
  const published = publicKeys.map((key) => verifierKey(note.origin, key));
  const trusted = keys.length + published.length > 0;
  return { trusted, verifiers: verifiersOf(trusted ? [...keys, ...published] : closing.verifier_keys) };
}
function verifiersOf(keys) {
  return keys.map((text2) => {
    const verifier = parseVerifier(text2);
    if (!verifier) throw new Bad("unreadable", `"${text2.slice(0, 80)}" is not the key of a verifier.`);
    return verifier;
  });
}
function olderNote({ against }, note) {
  if (against === void 0) return null;
  const older = parseCheckpoint(against);
  if (!older) throw new Bad("unreadable", "The older note is no note of a checkpoint.");
  if (note && older.origin !== note.origin) throw new Bad("unreadable", `The older note is of another log: ${older.origin}.`);
  return older;
}
function checkOlder(older, note, roots, closing, options) {
  if (!isSignedBy(older, verifiersFor(older, closing, options).verifiers))
    throw new Bad("bad_signature", "The signature of the older note is wrong.");
  if (older.size > note.size)
    throw new Bad(
      "truncated",
      `The log had ${older.size} events when the older note was signed and has ${note.size} now.`,
      note.size + 1
    );
  const root = older.size === note.size ? note.root.toString("hex") : roots.get(older.size);
  if (root === void 0)
    throw new Bad(
      "unreadable",
      `This export begins after the older note (${older.size}); export from an earlier time to compare.`
    );
  if (root !== older.root.toString("hex"))
    throw new Bad("forked", `The log of the older note and this one part at or before event ${older.size}.`, null);
}
var FIRST = FIRST_PREV.toString("hex");
var CLOSING = Buffer.from('{"checkpoint":');
function readClosing(last) {
  if (!last.subarray(0, CLOSING.length).equals(CLOSING)) return null;
  let read2;
  try {
    read2 = JSON.parse(last.toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { note, from_seq, to_seq, left, right, verifier_keys } = read2.checkpoint ?? {};
  const lists = [left, right, verifier_keys];
  const sizes = [from_seq, to_seq];
  if (typeof note !== "string" || !sizes.every(Number.isSafeInteger) || !lists.every(Array.isArray))
    throw new Bad("unreadable", "The closing line does not say which events the export holds.");
  return { note, from_seq, to_seq, left, right, verifier_keys };
}
var HEAD = Buffer.from('{"seq":');
var PREV = Buffer.from(',"prev_hash":"');
var HASH = Buffer.from('","hash":"');
var EVENT = Buffer.from('","event":');
var DIGEST = Buffer.from('","digest":"');
var BRACE = 125;
function isAt(bytes, at, text2) {
  for (let i = 0; i < text2.length; i++) if (bytes[at + i] !== text2[i]) return false;
  return true;
}
function readLine(bytes) {
  if (!isAt(bytes, 0, HEAD) || bytes[bytes.length - 1] !== BRACE) return null;
  let [seq, end] = [0, HEAD.length];
  for (let digit = bytes[end] - 48; digit >= 0 && digit <= 9; digit = bytes[end] - 48) {
    seq = seq * 10 + digit;
    end += 1;
  }
  const prev = end + PREV.length;
  const hash4 = prev + 64 + HASH.length;
  const rest = hash4 + 64;
  if (!Number.isSafeInteger(seq) || seq < 1 || !isAt(bytes, end, PREV) || !isAt(bytes, prev + 64, HASH)) return null;
  const hashes = { prev: hexAt(bytes, prev), hash: hexAt(bytes, hash4) };
  if (isAt(bytes, rest, EVENT)) return { seq, ...hashes, event: bytes.subarray(rest + EVENT.length, -1), digest: "" };
  if (!isAt(bytes, rest, DIGEST)) return null;
  return { seq, ...hashes, event: null, digest: hexAt(bytes, rest + DIGEST.length) };
}
var hexAt = (bytes, at) => bytes.toString("latin1", at, at + 64);
async function* linesOf(chunks) {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const lines = [];
    let at = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, at)) {
      if (end > at) lines.push(bytes.subarray(at, end));
      at = end + 1;
    }
    rest = bytes.subarray(at);
    yield lines;
  }
  if (rest.length > 0) yield [rest];
}
function uuidOf(text2) {
  const uuid = tenantUuid(text2.slice(-30));
  if (!uuid) throw new Bad("unreadable", "Nothing says whose log this is.");
  return uuid;
}
function tenantOf(event) {
  const [, tenant] = /"tenant_id":"(ten_[0-9A-Z]{26})"/.exec(event?.toString("utf8") ?? "") ?? [];
  return tenant ?? "";
}

// packages/server/src/events/audit/verify-file.ts
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";

// packages/server/src/crypto/canonical.ts
var EXACT_NUMBER = /* @__PURE__ */ Symbol.for("countersign.number");
var SURROGATE = /[\ud800-\udfff]/;
var LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
function text(value) {
  if (SURROGATE.test(value) && LONE_SURROGATE.test(value)) throw new TypeError("A lone surrogate has no canonical JSON.");
  return JSON.stringify(value);
}
function canonical(value) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return text(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("NaN and Infinity have no canonical JSON.");
    return JSON.stringify(value);
  }
  if (typeof value !== "object") throw new TypeError(`A ${typeof value} has no canonical JSON.`);
  if (EXACT_NUMBER in value) return String(value[EXACT_NUMBER]);
  if ("toJSON" in value && typeof value.toJSON === "function") return canonical(value.toJSON());
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(",")}]`;
  let said = "";
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member !== void 0) said += `${said === "" ? "" : ","}${text(name)}:${canonical(member)}`;
  }
  return `{${said}}`;
}

// packages/server/src/crypto/token.ts
import { createHmac, hash as hash3, randomInt as nodeRandomInt, randomBytes, timingSafeEqual } from "node:crypto";
var sha256 = (data) => hash3("sha256", data, "buffer");
var sha256Hex = (data) => hash3("sha256", data, "hex");

// packages/server/src/http/json.ts
var Digits = class {
  text;
  constructor(text2) {
    this.text = text2;
  }
  get [EXACT_NUMBER]() {
    return this.text;
  }
  /** What JSON.stringify sees: a text, for a rounded number would be another number. `writeJson` writes the number itself. */
  toJSON() {
    return this.text;
  }
  toString() {
    return this.text;
  }
  valueOf() {
    return Number(this.text);
  }
};
var JsonRefused = class extends Error {
  at;
  constructor(why, at) {
    super(why);
    this.name = "JsonRefused";
    this.at = at;
  }
};
var MAX_DEPTH = 64;
var MAX_KEYS = 1e4;
var utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
function readJson(text2) {
  const reader = new Reader(text2);
  const value = reader.value(0);
  reader.end();
  return value;
}
var NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
var PLAIN = /[ !#-[\]-\ud7ff\ue000-\uffff]*/y;
var RUN = /[ !#-[\]-\uffff]+/y;
var LONE_SURROGATE2 = new RegExp("\\p{Surrogate}", "u");
var ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "	" };
var HEX4 = /^[0-9a-fA-F]{4}$/;
var Reader = class {
  text;
  at = 0;
  keys = 0;
  constructor(text2) {
    this.text = text2;
  }
  refuse(why) {
    throw new JsonRefused(why, this.at);
  }
  space() {
    for (; ; ) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return code;
      this.at++;
    }
  }
  end() {
    this.space();
    if (this.at < this.text.length) this.refuse("Something follows the end of the JSON value.");
  }
  value(depth) {
    const code = this.space();
    if (code === 123) return this.object(depth + 1);
    if (code === 91) return this.array(depth + 1);
    if (code === 34) return this.string();
    if (code === 45 || code >= 48 && code <= 57) return this.number();
    if (this.word("true")) return true;
    if (this.word("false")) return false;
    if (this.word("null")) return null;
    return this.refuse(Number.isNaN(code) ? "The JSON ends too early." : "A JSON value was expected.");
  }
  word(word) {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }
  deeper(depth) {
    if (depth > MAX_DEPTH) this.refuse(`The JSON is nested deeper than ${MAX_DEPTH} levels.`);
    this.at++;
  }
  object(depth) {
    this.deeper(depth);
    const object = {};
    if (this.space() === 125) {
      this.at++;
      return object;
    }
    for (; ; ) {
      if (this.space() !== 34) this.refuse("A member name in double quotes was expected.");
      const name = this.string();
      if (name === "__proto__") this.refuse("A member may not be called __proto__.");
      if (Object.hasOwn(object, name)) this.refuse(`The member ${JSON.stringify(name.slice(0, 64))} stands twice.`);
      if (++this.keys > MAX_KEYS) this.refuse(`The JSON has more than ${MAX_KEYS.toLocaleString("en")} members.`);
      if (this.space() !== 58) this.refuse("A colon was expected.");
      this.at++;
      object[name] = this.value(depth);
      const code = this.space();
      this.at++;
      if (code === 125) return object;
      if (code !== 44) {
        this.at--;
        this.refuse("A comma or a closing brace was expected.");
      }
    }
  }
  array(depth) {
    this.deeper(depth);
    const array = [];
    if (this.space() === 93) {
      this.at++;
      return array;
    }
    for (; ; ) {
      array.push(this.value(depth));
      const code = this.space();
      this.at++;
      if (code === 93) return array;
      if (code !== 44) {
        this.at--;
        this.refuse("A comma or a closing bracket was expected.");
      }
    }
  }
  number() {
    NUMBER.lastIndex = this.at;
    const text2 = NUMBER.exec(this.text)?.[0];
    if (text2 === void 0) return this.refuse("A number was expected.");
    this.at += text2.length;
    const next = this.text.charCodeAt(this.at);
    if (next >= 48 && next <= 57 || next === 46) this.refuse("This is not a number as JSON writes it.");
    const value = Number(text2);
    return String(value) === text2 || sameDecimal(String(value), text2) ? value : new Digits(text2);
  }
  string() {
    const from = ++this.at;
    PLAIN.lastIndex = from;
    PLAIN.exec(this.text);
    const until = PLAIN.lastIndex;
    if (this.text.charCodeAt(until) === 34) {
      this.at = until + 1;
      return this.text.slice(from, until);
    }
    return this.hardString(from, until);
  }
  hardString(from, until) {
    let out = this.text.slice(from, until);
    this.at = until;
    for (; ; ) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code)) this.refuse("A text is not closed.");
      if (code === 34) {
        this.at++;
        if (LONE_SURROGATE2.test(out)) this.refuse("A text holds half of a surrogate pair.");
        return out;
      }
      if (code < 32) this.refuse("A control character stands unescaped in a text.");
      if (code === 92) {
        out += this.escape();
        continue;
      }
      RUN.lastIndex = this.at;
      out += RUN.exec(this.text)[0];
      this.at = RUN.lastIndex;
    }
  }
  escape() {
    const letter = this.text[this.at + 1] ?? "";
    if (letter !== "u") {
      const char = ESCAPES[letter];
      if (char === void 0) return this.refuse("This escape is unknown to JSON.");
      this.at += 2;
      return char;
    }
    const hex2 = this.text.slice(this.at + 2, this.at + 6);
    if (!HEX4.test(hex2)) this.refuse("Four hexadecimal digits were expected.");
    if (hex2 === "0000") this.refuse("U+0000 may not stand in a text.");
    this.at += 6;
    return String.fromCharCode(Number.parseInt(hex2, 16));
  }
};
function sameDecimal(a, b) {
  if (a === "Infinity" || a === "-Infinity") return false;
  const x = decimal(a);
  const y = decimal(b);
  return x.digits === y.digits && (x.digits === "" || x.negative === y.negative && x.exponent === y.exponent);
}
function decimal(text2) {
  const [, sign, whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(
    text2
  );
  const all2 = (whole + fraction).replace(/^0+/, "");
  const digits = all2.replace(/0+$/, "");
  return { negative: sign === "-", digits, exponent: Number(exponent) - fraction.length + (all2.length - digits.length) };
}

// packages/server/src/crypto/assertion.ts
import { createHash as createHash4, createPublicKey as createPublicKey2, verify } from "node:crypto";
var USER_VERIFIED = 4;
var decisionChallenge = (decisionSha256, nonce) => createHash4("sha256").update("countersign/decision/v1\n").update(Buffer.from(decisionSha256, "hex")).update(nonce).digest();
function verifyAssertion(passkey, decisionSha256) {
  const read2 = (text2) => Buffer.from(text2, "base64url");
  const clientData = read2(passkey.client_data_json);
  const authenticator = read2(passkey.authenticator_data);
  const expected = decisionChallenge(decisionSha256, read2(passkey.nonce)).toString("base64url");
  const said = clientDataOf(clientData);
  if (said?.type !== "webauthn.get" || said.challenge !== expected) return false;
  if (authenticator.length < 37 || (authenticator[32] & USER_VERIFIED) === 0) return false;
  const key = publicKeyOf(read2(passkey.public_key));
  if (!key) return false;
  const signed = Buffer.concat([authenticator, createHash4("sha256").update(clientData).digest()]);
  return verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", signed, key, read2(passkey.signature));
}
function clientDataOf(bytes) {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
function publicKeyOf(der) {
  try {
    return createPublicKey2({ key: der, format: "der", type: "spki" });
  } catch {
    return null;
  }
}

// packages/server/src/events/audit/verify-receipt.ts
var Failed = class extends Error {
  part;
  constructor(part, says) {
    super(says);
    this.part = part;
  }
};
function verifyReceipt(text2, keys) {
  const checked = [];
  const absent = [];
  let receipt = null;
  try {
    const jws = parseJws(tokenOf(text2));
    if (jws?.header.typ !== "countersign-receipt+jws") throw new Failed("form", "This is not a receipt.");
    const key = findKey(keys.receipt, jws.header.kid);
    if (!key) throw new Failed("key", `The keys that you gave do not hold ${jws.header.kid}.`);
    if (!jws.verify(key))
      throw new Failed("signature", "The signature is wrong: the receipt was changed, or another key signed it.");
    checked.push("signature");
    const payload = readObject(jws.payload);
    if (!payload) throw new Failed("form", "The receipt holds no JSON object.");
    receipt = payload;
    checkTask(payload, checked, absent);
    checkSeal(payload, keys.audit, checked, absent);
    return { valid: true, failed: null, says: saysOf(payload, absent), checked, absent, receipt };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { valid: false, failed: error.part, says: error.message, checked, absent, receipt };
  }
}
function checkTask(payload, checked, absent) {
  const { content, content_sha256, decisions = [] } = payload;
  if (content !== void 0) {
    if (hex(sha256(content)) !== content_sha256) throw new Failed("content", "The content is not what was digested.");
    const shown = readObject(content);
    if (shown?.task_id !== payload.task_id || shown?.tenant_id !== payload.tenant_id || shown?.revision !== payload.revision)
      throw new Failed("content", "The content is of another task.");
    checked.push("content");
  } else if (payload.task_id) absent.push("content");
  for (const [i, one] of decisions.entries()) checkDecision(one, i + 1, payload, checked);
}
function checkDecision(one, n, payload, checked) {
  if (one.content !== void 0) {
    const decided = readObject(one.content);
    if (hex(sha256(one.content)) !== one.decision_sha256)
      throw new Failed(`decision ${n}`, `Decision ${n} is not what was digested.`);
    if (decided?.content_sha256 !== payload.content_sha256 || decided?.user_id !== one.person || decided?.type !== one.type)
      throw new Failed(`decision ${n}`, `Decision ${n} was made on other content, or by another person.`);
    checked.push(`decision ${n}`);
  }
  if (!one.passkey) return;
  if (!verifyAssertion(one.passkey, one.decision_sha256))
    throw new Failed(`passkey ${n}`, `The passkey of decision ${n} did not sign this decision.`);
  checked.push(`passkey ${n}`);
}
function checkSeal({ tenant_id, event_id, task_id, decisions = [], seal }, audit, checked, absent) {
  if (!seal) return void absent.push("seal");
  const event = readObject(seal.event);
  const resource = event?.resource;
  if (event?.id !== event_id || event?.tenant_id !== tenant_id || task_id !== void 0 && resource?.id !== task_id)
    throw new Failed("event", "The event is of another fact.");
  const { decision_sha256: told, attested_by: attester } = event?.data ?? {};
  const decision = decisions.find((one) => one.decision_sha256 === told);
  if (told !== void 0 && !decision && task_id !== void 0) throw new Failed("event", "The event tells of another decision.");
  if (decision?.attested_by !== void 0 && decision.attested_by !== attester)
    throw new Failed("event", "The event names another key that attested the decision.");
  checked.push("event");
  const tenant = tenantUuid(tenant_id);
  if (!tenant) throw new Failed("seal", "The tenant is not named.");
  const hash4 = chainOf(tenant)(seal.seq, Buffer.from(seal.prev_hash, "hex"), digestOf(seal.event));
  if (hex(hash4) !== seal.hash) throw new Failed("seal", "The event is not what was sealed.");
  checked.push("seal");
  const proof = seal.proof.map((one) => Buffer.from(one, "hex"));
  if (!provesInclusion(seal.seq - 1, seal.size, leafHash(hash4), proof, Buffer.from(seal.root, "hex")))
    throw new Failed("proof", "The seal does not stand in the tree of the checkpoint.");
  checked.push("proof");
  checkNote(seal, tenant_id, audit, checked, absent);
}
function checkNote(seal, tenantId, audit, checked, absent) {
  const note = parseCheckpoint(seal.note);
  if (!note || note.size !== seal.size || hex(note.root) !== seal.root || !note.origin.endsWith(`/audit/${tenantId}`))
    throw new Failed("checkpoint", "The note is not of this tree.");
  if (audit === void 0) return void absent.push("audit keys");
  const verifiers = auditKeys(audit, note.origin);
  if (!isSignedBy(note, verifiers)) throw new Failed("checkpoint", "No audit key that you gave signed the checkpoint.");
  checked.push("checkpoint");
}
var hex = (bytes) => bytes.toString("hex");
function readObject(text2) {
  try {
    const value = JSON.parse(text2);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
var tokenOf = (text2) => {
  const { receipt } = readObject(text2) ?? {};
  return typeof receipt === "string" ? receipt : text2;
};
function findKey(published, kid) {
  const { keys } = published ?? {};
  const key = Array.isArray(keys) ? keys.find((one) => one.kid === kid && one.kty === "OKP" && one.crv === "Ed25519") : void 0;
  return key?.x ? Buffer.from(key.x, "base64url") : null;
}
function auditKeys(published, origin) {
  const { keys } = published ?? {};
  return (Array.isArray(keys) ? keys : []).flatMap((one) => {
    const verifier = one.public_key ? parseVerifier(verifierKey(origin, Buffer.from(one.public_key, "base64"))) : null;
    return verifier ? [verifier] : [];
  });
}
function saysOf({ task_id, event_id, seal, decisions = [] }, absent) {
  const what = task_id ? `The decision on ${task_id}` : `The event ${event_id}`;
  const sealed = seal ? `sealed as number ${seal.seq} in a log of ${seal.size}` : "not sealed yet";
  const attested = decisions.flatMap(
    ({ person, attested_by }) => attested_by === void 0 ? [] : [` That ${person} decided is attested by ${attested_by} alone.`]
  );
  return `${what} is genuine, ${sealed}.${attested.join("")}${absent.length > 0 ? ` Not in it, so not checked: ${absent.join(", ")}.` : ""}`;
}

// packages/server/src/events/audit/verify-side.ts
var EXPORT_TYPE = "countersign-relay-export+jws";
var FIRST2 = '{"export":';
var Bad2 = class extends Error {
  fault;
  line;
  constructor(fault, says, line = null) {
    super(says);
    this.fault = fault;
    this.line = line;
  }
};
var isSide = (firstLine) => firstLine.subarray(0, FIRST2.length).toString() === FIRST2;
async function verifySide(lines, last, options = {}) {
  const state = {
    ...{
      verdict: "sound",
      says: "",
      first_bad_line: null,
      export: null,
      threads: 0,
      messages: 0,
      events: 0,
      digests: 0,
      receipts: 0,
      rows: 0,
      tasks: 0
    },
    ...{ expired: [], erased: [], key: null }
  };
  try {
    await judge2(lines, last, options, state);
    const { subject, subject_id, side } = state.export;
    state.says = subject === "tenant" ? `Sound: this is the export of the tenant ${subject_id}, as it was signed.` : `Sound: this is the ${side}’s side of the ${subject?.replace("_", " ")} ${subject_id}, as it was signed.`;
    return state;
  } catch (error) {
    if (!(error instanceof Bad2)) throw error;
    return { ...state, verdict: error.fault, says: error.message, first_bad_line: error.line };
  }
}
async function judge2(lines, last, options, state) {
  const closing = readLine2(last)?.checkpoint;
  if (!closing) throw new Bad2("truncated", "The export has no closing line: its end is missing.");
  const note = typeof closing.note === "string" ? parseCheckpoint(closing.note) : null;
  if (!note) throw new Bad2("unreadable", "The closing line holds no note of a checkpoint.");
  const verifiers = verifiersFor2(note, closing, options, state);
  if (!isSignedBy(note, verifiers)) throw new Bad2("bad_signature", "No key that counts signed the note.");
  checkSignature2(closing, verifiers);
  const uuid = tenantUuid(note.origin.slice(-30));
  if (!uuid) throw new Bad2("unreadable", "Nothing says whose record this is.");
  const check = { note, link: chainHex(uuid), hashes: /* @__PURE__ */ new Map(), keys: { keys: closing.receipt_keys } };
  let [count, hash4] = [0, Buffer.alloc(32)];
  for await (const bytes of lines) {
    const line = readLine2(bytes);
    if (!line) throw new Bad2("unreadable", `Line ${count + 1} is no line of an export.`, count + 1);
    if (line.checkpoint) break;
    count++;
    hash4 = sha256(Buffer.concat([hash4, bytes]));
    checkLine(line, count, check, state);
  }
  if (count < closing.lines) throw new Bad2("truncated", `${closing.lines - count} lines are missing.`);
  if (count > closing.lines || hash4.toString("hex") !== closing.lines_hash)
    throw new Bad2("altered", "The lines are not those that were signed: one was changed, added, left out or moved.");
  if (state.export?.id !== closing.export_id) throw new Bad2("altered", "The first line is of another export.", 1);
}
function checkLine(line, at, check, state) {
  if (line.export) state.export = line.export;
  if (line.thread) {
    state.threads++;
    check.hashes.clear();
  }
  if (line.sealed) checkSealed(line.sealed, at, check, state);
  if (line.row) state.rows++;
  if (line.task) state.tasks++;
  if (line.message) checkMessage(line.message, at, check, state);
  if (line.receipt) {
    const { valid, says } = verifyReceipt(line.receipt.receipt, { receipt: check.keys });
    if (!valid) throw new Bad2("altered", `The receipt of ${line.receipt.task_id} is not genuine: ${says}`, at);
    state.receipts++;
  }
}
function checkSealed({ seq, prev_hash, hash: hash4, event, digest, proof }, at, check, state) {
  const { note, link, hashes } = check;
  const own = event === void 0 ? digest : digestHex(Buffer.from(event));
  if (own === void 0 || link(seq, prev_hash, own) !== hash4)
    throw new Bad2("altered", `Event ${seq} is not what was sealed.`, at);
  const ways = proof.map((one) => Buffer.from(one, "hex"));
  if (!provesInclusion(seq - 1, note.size, leafHash(Buffer.from(hash4, "hex")), ways, note.root))
    throw new Bad2("forked", `Event ${seq} is not in the record that the note signs.`, at);
  state.events++;
  if (event === void 0) {
    state.digests++;
    return;
  }
  const { type, data = {} } = JSON.parse(event);
  if (state.threads > 0 && /^(?:message\.accepted|artifact\.)/.test(type) && typeof data.message_id === "string")
    hashes.set(data.message_id, String(data.payload_hash));
}
function checkMessage(said, at, { hashes }, state) {
  state.messages++;
  if (said.payload_state === "expired") state.expired.push(said.id);
  if (said.payload_state === "erased") state.erased.push(said.id);
  const sealed = hashes.get(said.id);
  if (sealed !== void 0 && sealed !== said.payload_hash)
    throw new Bad2("altered", `The record has another hash of ${said.id}.`, at);
  if (said.parts === void 0) {
    if (said.payload_state === "present")
      throw new Bad2("altered", `${said.id} says that its contents are here, and they are not.`, at);
    return;
  }
  const { parts, skill, thread_id } = said;
  if (`sha256:${sha256Hex(canonical({ parts, skill, thread_id }))}` !== said.payload_hash)
    throw new Bad2("altered", `${said.id} is not what was accepted.`, at);
}
function verifiersFor2(note, closing, { keys = [], publicKeys = [] }, state) {
  const brought = [...keys, ...publicKeys.map((key) => verifierKey(note.origin, key))];
  state.key = brought.length > 0 ? "trusted" : "from the file";
  return (brought.length > 0 ? brought : closing.verifier_keys).map((text2) => {
    const verifier = parseVerifier(text2);
    if (!verifier) throw new Bad2("unreadable", `"${text2.slice(0, 80)}" is not the key of a verifier.`);
    return verifier;
  });
}
function checkSignature2(closing, verifiers) {
  const { export_id, lines, lines_hash, note, receipt_keys } = closing;
  const jws = parseJws(closing.signature);
  const said = canonical({ v: 1, export_id, lines, lines_hash, note, receipt_keys });
  if (jws?.header.typ !== EXPORT_TYPE || jws.payload !== said || !verifiers.some(({ key }) => jws.verify(key)))
    throw new Bad2("bad_signature", "The signature of the closing line is wrong.");
}
function readLine2(bytes) {
  try {
    const line = parsed(bytes.toString("utf8"));
    return typeof line === "object" && line !== null ? line : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
function parsed(text2) {
  try {
    return readJson(text2);
  } catch (error) {
    if (error instanceof JsonRefused) return JSON.parse(text2);
    throw error;
  }
}

// packages/server/src/events/audit/verify-file.ts
var CHUNK = 1048576;
async function verifyFile(file2, options = {}) {
  const last = lastLine(file2);
  if (isSide(firstBytes(file2))) return verifySide(linesOf2(file2), last, options);
  return verifyLog(() => createReadStream(file2, { highWaterMark: CHUNK }), last, options);
}
async function* linesOf2(file2) {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file2, { highWaterMark: CHUNK })) {
    const bytes = Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, at)) {
      yield bytes.subarray(at, end);
      at = end + 1;
    }
    rest = bytes.subarray(at);
  }
  if (rest.length > 0) yield rest;
}
function firstBytes(file2) {
  const fd = openSync(file2, "r");
  try {
    const bytes = Buffer.alloc(16);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
function lastLine(file2) {
  const fd = openSync(file2, "r");
  try {
    const { size } = fstatSync(fd);
    const length = Math.min(size, CHUNK);
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, size - length);
    let end = bytes.length;
    while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end -= 1;
    return bytes.subarray(bytes.subarray(0, end).lastIndexOf(10) + 1, end);
  } finally {
    closeSync(fd);
  }
}

// packages/server/src/events/audit/standalone.ts
var USAGE = `node verify.mjs <export.ndjson> [--keys audit-keys.json] [--key <verifier key>] [--against <older note>]
node verify.mjs --receipt <receipt> --receipt-keys receipt-keys.json [--keys audit-keys.json]

Exit codes: 0 sound, 2 unreadable, 10 gap, 11 altered, 12 reordered, 13 truncated, 14 forked, 15 bad signature.
`;
var args = process.argv.slice(2);
var all = (name) => args.flatMap((one, i) => one === name && args[i + 1] ? [args[i + 1]] : []);
var file = args.find((one, i) => !one.startsWith("--") && !(args[i - 1] ?? "").startsWith("--"));
var read = (path) => path === void 0 ? void 0 : readFileSync(path, "utf8");
async function main() {
  const [receipt] = all("--receipt");
  if (receipt) {
    const keys = { receipt: JSON.parse(read(all("--receipt-keys")[0]) ?? "{}"), audit: parsed2(read(all("--keys")[0])) };
    const { valid, failed, says } = verifyReceipt(read(receipt), keys);
    process.stdout.write(valid ? `${says}
` : `Not genuine (${failed}): ${says}
`);
    return valid ? 0 : 1;
  }
  if (!file) {
    process.stderr.write(USAGE);
    return EXIT.unreadable;
  }
  const options = verifierOptions({ keys: all("--key"), keyFile: read(all("--keys")[0]), against: read(all("--against")[0]) });
  const said = await verifyFile(file, options);
  const bad = "first_bad_line" in said ? said.first_bad_line : said.first_bad_seq;
  process.stdout.write(`${said.verdict}: ${said.says}${bad === null ? "" : ` (first bad: ${bad})`}
`);
  return EXIT[said.verdict];
}
var parsed2 = (text2) => text2 === void 0 ? void 0 : JSON.parse(text2);
process.exitCode = await main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}
`);
  return EXIT.unreadable;
});
