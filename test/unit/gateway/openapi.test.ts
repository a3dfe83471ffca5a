import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import { asyncApiDocument } from '../../../services/gateway/http/asyncapi.ts';
import { openApiDocument } from '../../../services/gateway/http/openapi.ts';
import { createHttp } from '../../../services/gateway/http/server.ts';
import { gateway } from './gateway.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const document = openApiDocument() as Document;

describe('OpenAPI — the document', () => {
  it('names addresses that are served', async () => {
    await using app = await gateway();
    const http = createHttp({ ...app.httpParts, metrics: async () => '' });
    await http.ready();
    const told = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    for (const address of told) {
      const [method, path] = address.split(' ');
      const isServed = http.hasRoute({ method: method as 'GET', url: path!.replaceAll(/\{(\w+)\}/g, ':$1') });
      expect(isServed, address).toBe(true);
    }
    await http.close();
  });

  it('has schemas that tell what the door tells', () => {
    const ajv = new Ajv2020({ strict: false });
    const validate = ajv.compile(document.components.schemas.GenerateRequest!);
    const requests = [
      { prompt: 'a cat' },
      { prompt: 'a cat', steps: 0 },
      { prompt: 7 },
      {},
      { prompt: 'a', colour: 'red' },
    ];
    for (const request of requests) expect(validate(request)).toBe(GenerateRequest.safeParse(request).success);
  });

  it('names every operation once', () => {
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((one) => one.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is shown by a page that takes nothing from elsewhere', async () => {
    await using app = await gateway();
    const page = await app.http.inject('/docs');
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const script = /src="([^"]+)"/.exec(page.body)![1]!;
    const program = await app.http.inject(new URL(script, 'http://localhost/docs/').pathname);
    expect([program.statusCode, program.body.length > 1_000_000]).toEqual([200, true]);
    expect((await app.http.inject('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' });
  });
});

describe('AsyncAPI — the document', () => {
  it('is one of AsyncAPI 3.0 by its schema', async () => {
    // Of @asyncapi/specs 6.11.1 (Apache-2.0), schemas/3.0.0-without-$id.json.
    const file = new URL('../../golden/data/asyncapi/3.0.0.json', import.meta.url);
    const schema = JSON.parse(await readFile(file, 'utf8')) as object;
    const validate = new Ajv({ strict: false, validateFormats: false, logger: false }).compile(schema);
    expect(validate(asyncApiDocument()), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
    expect(validate({ ...asyncApiDocument(), channels: 7 })).toBe(false);
  });

  it('names the subjects of the doors, and every reference leads somewhere', () => {
    const subjectsDocument = asyncApiDocument() as { channels: Record<string, { address: string | null }> };
    const addresses = Object.values(subjectsDocument.channels).map(({ address }) => address);
    expect(addresses).toEqual(
      expect.arrayContaining(['latentmesh.v1.generate', 'latentmesh.v1.jobs', 'latentmesh.v1.events.{job}']),
    );
    const references = [...JSON.stringify(subjectsDocument).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
    for (const path of references.filter((one) => /^(channels|components)/.test(one))) {
      const found = path
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], subjectsDocument);
      expect(found, path).toBeDefined();
    }
  });
});
