// The TypeScript blocks of the pages as programs: put together, compiled in one run, started one by one.
//
// The info string of a block says what it is (a reader of the rendered page never sees it):
//
//   ts                    a program; it is run to its end, which must be exit code 0 with nothing on stderr
//   ts NAME               the same, with the scenario 'PAGE#NAME' of test/docs/scenarios, which says what stands
//                         before it, who talks with it and what comes out
//   ts NAME:FILE          another module of the program NAME, beside it under this name
//   ts continued          goes on where the page's last program ended
//   ts compiled           compiled and not run: an example must have a reason, and all are counted
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { root } from './docstrings.ts';
import { blocksOf, pages } from './markdown.ts';

export interface Program {
  /** Of the scenario: 'docs/io.md#lines', or 'docs/io.md:12' for a block that has no name. */
  id: string;
  page: string;
  line: number;
  runs: boolean;
  /** Each with the lines of the page it comes from; the first is the program itself. */
  modules: { file: string; parts: { line: number; code: string }[] }[];
}

export interface Scenario {
  /** Stands before the block: what the page says its reader has. Not shown to readers. */
  before?: string;
  /** Stands behind it. */
  after?: string;
  /** Other files of the folder that it runs in. */
  files?: Record<string, string>;
  env?: Record<string, string>;
  /** What stands on the page, and what stands for it here; ADDRESS is the program's own address. */
  replace?: Record<string, string>;
  /** Who listens on a port of its address, or on a path in its folder, before it starts. */
  peers?: Record<number | string, (socket: Socket) => void>;
  /** Talks with it while it runs. Without one, its standard input is closed. */
  drive?: (running: Running) => Promise<void>;
  /** What it prints, exactly or as a pattern. */
  stdout?: string | RegExp;
  /** What it may say on stderr; nothing unless given. */
  stderr?: RegExp;
  /** 0 unless given; the name of the signal that ended it. */
  exit?: number | string;
  /** Why it cannot run here. */
  skip?: string | false;
}

const FLAGS = ['continued', 'compiled'];
/** Above the folders of the groups that are compiled together. */
const target = join(root, 'build', 'doc-pages');

export function programsOf(page: string): Program[] {
  const programs: Program[] = [];
  for (const { line, language, words, code } of blocksOf(page)) {
    if (language !== 'ts') continue;
    const where = `${page}:${line}`;
    const flags = words.filter((word) => FLAGS.includes(word));
    const [label, ...more] = words.filter((word) => !FLAGS.includes(word));
    if (more.length > 0) throw new Error(`${where}: what is ${more.join(' ')}?`);
    if (flags.includes('continued')) {
      const last = programs.at(-1);
      if (last === undefined) throw new Error(`${where} continues nothing`);
      last.modules[0]!.parts.push({ line, code });
      continue;
    }
    const [name, file] = label?.split(':') ?? [];
    const id = name === undefined ? where : `${page}#${name}`;
    const known = programs.find((program) => program.id === id);
    const module = { file: file ?? 'main.ts', parts: [{ line, code }] };
    if (known !== undefined) {
      if (file === undefined) throw new Error(`${where}: there are two programs ${id}`);
      known.modules.push(module);
    } else if (file !== undefined) {
      throw new Error(`${where}: the program ${id} must come before its module ${file}`);
    } else {
      programs.push({ id, page, line, runs: !flags.includes('compiled'), modules: [module] });
    }
  }
  return programs;
}

export function allPrograms(): Program[] {
  return pages().flatMap(programsOf);
}

function folderOf(group: string, { id }: Program): string {
  return join(target, group, id.replace(/\.md/, '').replace(/[^\w]+/g, '-'));
}

/** An address of its own for each program, so that the ports on the pages disturb nobody. */
function addressOf(index: number): string {
  return `127.${100 + (process.pid % 100)}.${1 + (Math.floor(process.pid / 100) % 250)}.${1 + index}`;
}

/** Compiles all programs in one run: what the compiler says, '' when it is content. */
export function compile(
  group: string,
  programs: readonly Program[],
  scenarios: ReadonlyMap<string, Scenario>,
): string {
  const project = join(target, group);
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  for (const program of programs) {
    const folder = folderOf(group, program);
    mkdirSync(folder, { recursive: true });
    const { before = '', after = '' } = scenarios.get(program.id) ?? {};
    for (const [index, { file, parts }] of program.modules.entries()) {
      const text = parts.map(({ line, code }) => `// ${program.page}:${line}\n${code}`).join('');
      const around = index === 0 ? `${before}\n${text}${after}` : text;
      writeFileSync(join(folder, file), `${around}\nexport {};\n`);
    }
  }
  const config = {
    extends: '../../../tsconfig.base.json',
    compilerOptions: {
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      inlineSourceMap: true,
      sourceMap: false,
      lib: ['ES2023', 'ESNext.Disposable', 'ESNext.Collection'],
    },
    include: ['**/*.ts'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', project, '--pretty', 'false'], {
    encoding: 'utf8',
  });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

export interface Outcome {
  exit: number | string | null;
  stdout: string;
  stderr: string;
}

const LIMIT = 60_000;

/** A program that runs, as its scenario sees it. */
export class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #sockets: Socket[] = [];
  readonly ended: Promise<Outcome>;
  /** Where it listens and dials instead of 127.0.0.1. */
  readonly address: string;
  /** The folder that it runs in, and where it finds /run. */
  readonly folder: string;
  readonly #servers: Server[];
  #stdout = '';
  #stderr = '';
  #alive = true;

  static async start(program: Program, group: string, index: number, scenario: Scenario): Promise<Running> {
    const servers: Server[] = [];
    const folder = mkdtempSync(join(tmpdir(), 'gopark-docs-'));
    for (const [where, serve] of Object.entries(scenario.peers ?? {})) {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => {});
        serve(socket);
      });
      if (/^\d+$/.test(where)) server.listen(Number(where), addressOf(index));
      else server.listen(join(folder, where));
      await once(server, 'listening');
      servers.push(server);
    }
    return new Running(program, scenario, {
      compiled: folderOf(group, program),
      address: addressOf(index),
      folder,
      servers,
    });
  }

  private constructor(
    program: Program,
    scenario: Scenario,
    {
      compiled,
      address,
      folder,
      servers,
    }: { compiled: string; address: string; folder: string; servers: Server[] },
  ) {
    this.address = address;
    this.folder = folder;
    this.#servers = servers;
    for (const [name, text] of Object.entries(scenario.files ?? {})) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
    for (const { file } of program.modules) {
      const path = join(compiled, file.replace(/\.ts$/, '.js'));
      writeFileSync(path, this.#own(readFileSync(path, 'utf8'), scenario.replace ?? {}));
    }
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
    this.#child = spawn(process.execPath, ['--enable-source-maps', join(compiled, 'main.js')], {
      cwd: this.folder,
      env: { GOPARK_HOLD_LIMIT: '0', ...own, ...scenario.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    if (scenario.drive === undefined) this.#child.stdin.end();
    this.ended = this.#wait();
  }

  /** The ports and paths of the page, where nobody else has them. */
  #own(text: string, replace: Record<string, string>): string {
    let own = text;
    for (const [on, here] of Object.entries(replace)) {
      if (!own.includes(on)) throw new Error(`there is no ${on} to replace`);
      own = own.replaceAll(on, here.replaceAll('ADDRESS', this.address).replaceAll('FOLDER', this.folder));
    }
    return own
      .replace(/'(?:127\.0\.0\.1|localhost)?:(\d{2,5})'/g, `'${this.address}:$1'`)
      .replaceAll('tcp://127.0.0.1:', `tcp://${this.address}:`)
      .replaceAll("'127.0.0.1'", `'${this.address}'`)
      .replaceAll("host: 'localhost'", `host: '${this.address}'`)
      .replaceAll("'/run/", `'${this.folder}/`);
  }

  async #wait(): Promise<Outcome> {
    const child = this.#child;
    const timer = setTimeout(() => {
      this.#stderr += `[killed: it had not ended after ${LIMIT} ms]\n`;
      child.kill('SIGKILL');
    }, LIMIT);
    const [[code, signal]] = await Promise.all([
      once(child, 'exit'),
      once(child.stdout, 'close'),
      once(child.stderr, 'close'),
    ]);
    this.#alive = false;
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    rmSync(this.folder, { recursive: true, force: true });
    return { exit: code ?? signal, stdout: this.#stdout, stderr: this.#stderr };
  }

  get stdin(): Writable {
    return this.#child.stdin;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Waits until it has printed this. */
  async printed(text: string): Promise<void> {
    while (!this.#stdout.includes(text)) {
      if (!this.#alive) throw new Error(`it ended before it printed ${JSON.stringify(text)}`);
      await Promise.race([once(this.#child.stdout, 'data'), this.ended]);
    }
  }

  /** Connects to a port or path that it listens on, as soon as it does. */
  async connect(where: number | string): Promise<Peer> {
    for (;;) {
      const socket =
        typeof where === 'number'
          ? connect({ host: this.address, port: where, allowHalfOpen: true })
          : connect({ path: join(this.folder, where), allowHalfOpen: true });
      this.#sockets.push(socket);
      try {
        await once(socket, 'connect');
        return new Peer(socket);
      } catch (error) {
        // Nothing tells when somebody else begins to listen.
        if (!this.#alive) throw new Error('it ended before anybody could connect', { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}

/** The other end of a connection. */
export class Peer {
  readonly socket: Socket;
  #received = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
    });
    socket.on('error', () => {});
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Everything received so far, once it is at least this long. */
  async receive(text: string): Promise<string> {
    while (this.#received.length < text.length) {
      if (this.socket.destroyed || this.socket.readableEnded) break;
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'end'), once(this.socket, 'close')]);
    }
    const got = this.#received.slice(0, text.length);
    this.#received = this.#received.slice(text.length);
    return got;
  }

  /** Ends the sending side and gives what is received up to the end. */
  async end(): Promise<string> {
    this.socket.end();
    return this.all();
  }

  /** What is received up to the end. */
  async all(): Promise<string> {
    if (!this.socket.readableEnded && !this.socket.destroyed) {
      await Promise.race([once(this.socket, 'end'), once(this.socket, 'close')]);
    }
    return this.#received;
  }
}
