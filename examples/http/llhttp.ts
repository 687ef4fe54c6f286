import { createRequire } from 'node:module';

// Node's own parser, as WebAssembly: undici brings it along.
const require = createRequire(import.meta.url);
const wasm: Uint8Array<ArrayBuffer> = require('undici/lib/llhttp/llhttp_simd-wasm.js');

/** As much of it as is used here: the types of Node do not have it, those of browsers have too much. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
};

/** The functions of llhttp that are used here; `parser` and positions are addresses in its memory. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_reset(parser: number): void;
  llhttp_resume(parser: number): void;
  llhttp_execute(parser: number, start: number, length: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_method_name(method: number): number;
}

/** What the parser tells while it executes. What is not 0 ends `execute` with an error; positions are absolute. */
export interface ParserEvents {
  url(at: number, length: number): number;
  headerName(at: number, length: number): number;
  headerValue(at: number, length: number): number;
  headersComplete(keepAlive: boolean): number;
  body(at: number, length: number): number;
}

export const PAUSED = 21;
export const FAILED = -1;
const REQUEST = 1;
/** The most bytes that are parsed at once. */
export const INPUT_SIZE = 64 * 1024;

let events: ParserEvents;
const env = {
  wasm_on_message_begin: () => 0,
  wasm_on_status: () => 0,
  wasm_on_url: (_: number, at: number, length: number) => events.url(at, length),
  wasm_on_header_field: (_: number, at: number, length: number) => events.headerName(at, length),
  wasm_on_header_value: (_: number, at: number, length: number) => events.headerValue(at, length),
  wasm_on_headers_complete: (_: number, __: number, ___: number, keepAlive: number) =>
    events.headersComplete(keepAlive !== 0),
  wasm_on_body: (_: number, at: number, length: number) => events.body(at, length),
  // So that it is known where a request ends, and the next one begins.
  wasm_on_message_complete: () => PAUSED,
};
const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env });
const llhttp = instance.exports as unknown as Exports;
llhttp._initialize();
const input = llhttp.malloc(INPUT_SIZE);
/** A parser that is not in the middle of a request is anybody's. */
const free: number[] = [];

/** All of its memory. It moves when it grows, which only an allocation does; to ask each time is dear. */
let memory = Buffer.from(llhttp.memory.buffer);
let room = memory.subarray(input, input + INPUT_SIZE);

/** Where bytes go that are to be parsed, behind the first `length` of them. Lent until the next call. */
export function inputFrom(length: number): Uint8Array {
  return length === 0 ? room : room.subarray(length);
}

export function takeParser(): number {
  const parser = free.pop();
  if (parser !== undefined) return parser;
  const allocated = llhttp.llhttp_alloc(REQUEST);
  if (memory.buffer !== llhttp.memory.buffer) {
    memory = Buffer.from(llhttp.memory.buffer);
    room = memory.subarray(input, input + INPUT_SIZE);
  }
  return allocated;
}

export function giveParser(parser: number): void {
  llhttp.llhttp_reset(parser);
  free.push(parser);
}

/** The bytes from `start` to `end` of the input, as text of one byte each. */
export function text(start: number, end: number): string {
  return memory.latin1Slice(input + start, input + end);
}

export function copy(start: number, end: number): Uint8Array {
  // Buffer's own slice is no copy.
  return new Uint8Array(memory.subarray(input + start, input + end));
}

/** How `execute` ended, and where: `end` is behind the request when it is PAUSED. */
export interface Executed {
  status: number;
  end: number;
}

const executed: Executed = { status: 0, end: 0 };

/** Parses the input from `start` to `end`, up to the end of a request. Positions it tells are addresses. */
export function execute(parser: number, start: number, end: number, told: ParserEvents): Executed {
  events = told;
  executed.status = llhttp.llhttp_execute(parser, input + start, end - start);
  if (executed.status === 0) {
    executed.end = end;
  } else {
    executed.end = llhttp.llhttp_get_error_pos(parser) - input;
    if (executed.status === PAUSED) llhttp.llhttp_resume(parser);
  }
  return executed;
}

/** A position that an event told, in the input. */
export function offsetOf(at: number): number {
  return at - input;
}

function cString(at: number): string {
  return memory.latin1Slice(at, memory.indexOf(0, at));
}

const methods: string[] = [];

/** Of the request whose head is parsed. */
export function methodOf(parser: number): string {
  const method = llhttp.llhttp_get_method(parser);
  methods[method] ??= cString(llhttp.llhttp_method_name(method));
  return methods[method]!;
}

export function isVersion10(parser: number): boolean {
  return llhttp.llhttp_get_http_major(parser) === 1 && llhttp.llhttp_get_http_minor(parser) === 0;
}

/** Why the parser has refused something. */
export function reasonOf(parser: number): string {
  return cString(llhttp.llhttp_get_error_reason(parser));
}
