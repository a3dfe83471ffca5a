/** The end of the HTTP server: answers under way are finished, everything else is closed. */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { EventStreams } from './event-stream.ts';

/**
 * While closing, answers say so: fastify otherwise waits for the client's keep-alive (72 s, fastify #7044). And connections
 * whose request has not come in yet are closed: Node looks after their time no longer, and would wait for ever. Streams of
 * events would never end by themselves: their clients come back, to another gateway.
 */
export function closePolitely(app: FastifyInstance, streams: EventStreams): void {
  let isClosing = false;
  const open = new Set<Socket>();
  const answering = new Set<Socket>();
  app.server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  app.addHook('preHandler', async ({ raw }) => void answering.add(raw.socket));
  app.addHook('onSend', async (_, reply) => {
    if (isClosing) void reply.header('connection', 'close');
  });
  app.addHook('onResponse', async ({ raw }) => void answering.delete(raw.socket));
  app.addHook('preClose', async () => {
    isClosing = true;
    streams.endAll();
    for (const socket of open.difference(answering)) socket.destroy();
  });
}
