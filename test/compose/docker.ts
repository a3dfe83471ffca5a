/** A project of docker compose for tests: names and ports of its own, gone with everything it made at the end. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { firstFreePort } from '#infra/mesh/free-port.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

/** Why there is nothing to test with; undefined where there is. */
export async function missingDocker(): Promise<string | undefined> {
  try {
    await run('docker', ['compose', 'version']);
    await run('docker', ['info', '--format', '{{.ServerVersion}}']);
    return undefined;
  } catch (error) {
    return `no docker daemon with compose answers: ${(error as Error).message.split('\n').at(-2) ?? ''}`;
  }
}

/** A command of docker; resolves with what it printed. */
export async function docker(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: ROOT, env: { ...process.env, ...env }, maxBuffer: MAX_OUTPUT_BYTES };
  return (await run('docker', [...args], options)).stdout.trim();
}

/** See the head of this file. */
export class ComposeProject implements AsyncDisposable {
  readonly natsUrl: string;
  readonly httpUrl: string;
  readonly image = 'latentmesh:test';
  readonly #name: string;
  readonly #env: Record<string, string>;

  private constructor(name: string, ports: { nats: number; http: number }, env: Record<string, string>) {
    this.#name = name;
    this.natsUrl = `nats://127.0.0.1:${ports.nats}`;
    this.httpUrl = `http://127.0.0.1:${ports.http}`;
    this.#env = {
      LATENTMESH_IMAGE: this.image,
      LATENTMESH_HTTP_PORT: `${ports.http}`,
      NATS_PORT: `${ports.nats}`,
      ...env,
    };
  }

  /** Further variables for the compose files. */
  static async create(env: Record<string, string> = {}): Promise<ComposeProject> {
    const ports = { nats: await firstFreePort(24_222), http: await firstFreePort(28_188) };
    return new ComposeProject(`latentmesh-test-${process.pid}`, ports, env);
  }

  /** Another project with the same settings and these: the second of two hosts. */
  beside(env: Record<string, string>): ComposeProject {
    const port = (url: string): number => Number(new URL(url).port);
    return new ComposeProject(
      `${this.#name}-b`,
      { nats: port(this.natsUrl), http: port(this.httpUrl) },
      { ...this.#env, ...env },
    );
  }

  compose(...args: string[]): Promise<string> {
    return docker(['compose', '-p', this.#name, ...args], this.#env);
  }

  /** The key of a client, in a folder of this machine: what a program needs that speaks NATS. */
  async clientKey(folder: string): Promise<string> {
    const file = join(folder, 'client.nk');
    await this.compose('cp', 'gateway:/keys/client/client.nk', file);
    return file;
  }

  /** Ids of the containers of a service, also of those that have ended. */
  async containers(service: string): Promise<string[]> {
    return (await this.compose('ps', '-a', '-q', service)).split('\n').filter(Boolean);
  }

  /** A field of a container, by a template of `docker inspect`. */
  inspect(container: string, template: string): Promise<string> {
    return docker(['inspect', '--format', template, container]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose('down', '-v', '-t', '1', '--remove-orphans');
  }
}
