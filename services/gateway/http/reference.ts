/** /openapi.json, /asyncapi.json, and /docs: a page that shows it, without anything from elsewhere. */
import fastify, { type FastifyInstance } from 'fastify';
import { asyncApiDocument } from './asyncapi.ts';
import { openApiDocument } from './openapi.ts';

/** Where the page begins. */
const PREFIX = '/docs';
/** Scripts and styles of the page are its own; it reads the document from here. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'";

/** Adds the routes. The page's program is 5 MB, so it is loaded when somebody looks. */
export function serveReference(app: FastifyInstance): void {
  let document: object | undefined;
  let subjects: object | undefined;
  let page: Promise<FastifyInstance> | undefined;
  app.get('/openapi.json', async () => {
    document ??= openApiDocument();
    return document;
  });
  app.get('/asyncapi.json', async () => {
    subjects ??= asyncApiDocument();
    return subjects;
  });
  const show = async (url: string) => {
    page ??= openPage();
    return (await page).inject({ method: 'GET', url });
  };
  for (const path of [PREFIX, `${PREFIX}/*`]) {
    app.get(path, async (request, reply) => {
      const url = request.url === PREFIX ? `${PREFIX}/` : request.url;
      const { statusCode, headers, rawPayload } = await show(url);
      void reply.code(statusCode).header('content-security-policy', CONTENT_SECURITY_POLICY);
      return reply.type(String(headers['content-type'] ?? 'text/plain')).send(rawPayload);
    });
  }
}

async function openPage(): Promise<FastifyInstance> {
  const { default: reference } = await import('@scalar/fastify-api-reference');
  const page = fastify({ logger: false });
  await page.register(reference, {
    routePrefix: PREFIX,
    configuration: { url: '/openapi.json', withDefaultFonts: false, telemetry: false },
  });
  await page.ready();
  return page;
}
