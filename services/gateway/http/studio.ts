/** The studio's files, as its build has left them. Absent ones are told with the way to make them. */
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** What is told at / while there is no build. */
export const NOT_BUILT =
  'The studio has not been built: run `npm run build:studio` in the folder of latentmesh, then load this page again.\n' +
  'Programs find the API at /openapi.json, and its description at /docs.\n';

/** Names of built files hold a digest of their content. */
const FOREVER = 'public, max-age=31536000, immutable';
/** Nothing from elsewhere: the studio works without a network. Pictures and previews are data and blobs. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'";

/** Serves the folder at /. It need not be there yet. */
export function serveStudio(app: FastifyInstance, folder: string): void {
  const assets = join(folder, 'assets');
  void app.register(fastifyStatic, {
    root: folder,
    dotfiles: 'ignore',
    // The build leaves them beside what they are made of.
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      void reply.header('cache-control', path.startsWith(assets) ? FOREVER : 'no-cache');
      if (path.endsWith('.html')) void reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    },
  });
}
