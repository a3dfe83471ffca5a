import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatAddress, type Place, parseAddress } from '#shared/bus/direct-address.ts';
import { type DirectOptions, DirectPath } from '#shared/bus/direct-path.ts';
import { failure } from '#test/contract/bus/harness.ts';

const SEGMENTS = [Uint8Array.of(1, 2, 3), new Uint8Array(3_000_000).fill(7), Uint8Array.of(4)];
const TOTAL = 3_000_004;
const TOKEN = '00000000-0000-0000-0000-000000000000';
const IDLE_MS = 200;

const WAYS: Readonly<Record<string, DirectOptions>> = {
  ...(process.platform === 'linux' && { 'a named socket': { unix: 'name' } }),
  ...(process.platform !== 'win32' && { 'a socket file': { unix: 'file' } }),
  TCP: { unix: 'none', tcpHost: '127.0.0.1' },
};

describe.each(Object.entries(WAYS))('direct path — over %s', (_, options) => {
  let path: DirectPath;
  beforeEach(async () => {
    path = await DirectPath.open({ ...options, idleMs: IDLE_MS });
  });
  afterEach(() => path.close());

  const address = (): string => path.offer(SEGMENTS)!.address;
  const fetched = (where: string, total = TOTAL) => path.fetch(where, total)!.done;

  function dial(): Socket {
    return connect({ ...parseAddress(address())!.places[0]! }).on('error', () => {});
  }

  it('brings the segments in one piece', async () => {
    const { bytes } = await fetched(address());
    expect(Buffer.compare(bytes, Buffer.concat(SEGMENTS))).toBe(0);
  });

  it('serves several at once, each its own', async () => {
    const sizes = [1, 70_000, 2_000_000];
    const offers = sizes.map((size) => path.offer([new Uint8Array(size).fill(size % 251)])!);
    const all = await Promise.all(offers.map((offer, i) => fetched(offer.address, sizes[i]!)));
    expect(all.map(({ bytes }) => [bytes.length, bytes.at(-1)])).toEqual(sizes.map((size) => [size, size % 251]));
  });

  it('D1: gives nothing for another token', async () => {
    await expect(fetched(address().replace(/^\S+/, TOKEN))).rejects.toThrow(`0 of ${TOTAL} bytes`);
  });

  it('D1: gives nothing for a token that was good before', async () => {
    const where = address();
    await fetched(where);
    await expect(fetched(where)).rejects.toThrow(`0 of ${TOTAL} bytes`);
  });

  it('D1: gives nothing once the offer is withdrawn', async () => {
    const offer = path.offer(SEGMENTS)!;
    offer.withdraw();
    await expect(fetched(offer.address)).rejects.toThrow(`0 of ${TOTAL} bytes`);
  });

  it.each([
    ['nothing', ''],
    ['too little', 'half a token'],
    ['nothing known', 'GET / HTTP/1.1\r\nhost: somewhere\r\n\r\n'],
  ])('D3: lets go of who says %s', async (_says, text) => {
    const stranger = dial().resume();
    stranger.write(text);
    await closed(stranger);
  });

  it('D3: has room for 64 strangers; the next one is sent away at once, and none of them keeps the others from their bytes', async () => {
    const strangers = Array.from({ length: 64 }, dial);
    await Promise.all(strangers.map((stranger) => once(stranger, 'connect')));
    await closed(dial().resume());
    await Promise.all(strangers.map((stranger) => closed(stranger.resume())));
    expect((await fetched(address())).bytes.length).toBe(TOTAL);
  });

  it.each([
    ['more', TOTAL - 1, `${TOTAL} of ${TOTAL - 1} bytes`],
    ['less', TOTAL + 1, `${TOTAL} of ${TOTAL + 1} bytes`],
  ])('D2: fails when %s comes than was announced', async (_comes, announced, text) => {
    await expect(fetched(address(), announced)).rejects.toThrow(text);
  });

  it('D2: fails when the giving side ends', async () => {
    const other = await DirectPath.open({ ...options });
    const fetching = path.fetch(other.offer(SEGMENTS)!.address, TOTAL)!.done;
    await other.close();
    await expect(fetching).rejects.toThrow();
  });

  it('D2: a place where nobody listens is not dialled again', async () => {
    const gone = await DirectPath.open({ ...options });
    const where = gone.offer(SEGMENTS)!.address;
    await gone.close();
    await expect(fetched(where)).rejects.toThrow('Nobody answers');
    expect(path.fetch(where, TOTAL)).toBeUndefined();
    expect(path.fetch(address(), TOTAL)).toBeDefined();
  });

  it('ends when it is given up', async () => {
    const fetching = path.fetch(address(), TOTAL)!;
    fetching.stop();
    await expect(fetching.done).rejects.toThrow();
  });
});

describe('direct path — within a host and beyond', () => {
  it.skipIf(process.platform !== 'linux')('takes the socket of the host, else TCP', async () => {
    await using path = await disposable({ tcpHost: '127.0.0.1' });
    const { token, places } = parseAddress(path.offer(SEGMENTS)!.address)!;
    expect(places.map(({ route }) => route)).toEqual(['unix', 'tcp']);
    const elsewhere: Place = { route: 'unix', path: `\0latentmesh-${TOKEN}` };
    const { route } = await path.fetch(formatAddress({ token, places: [elsewhere, places[1]!] }), TOTAL)!.done;
    expect(route).toBe('tcp');
  });

  it('leaves no file behind', async () => {
    const path = await DirectPath.open({ unix: 'file' });
    const [place] = parseAddress(path.offer(SEGMENTS)!.address)!.places;
    const file = (place as Extract<Place, { route: 'unix' }>).path;
    await access(file);
    await path.close();
    await expect(access(file)).rejects.toThrow('ENOENT');
  });

  it('offers nothing where nothing listens', async () => {
    await using path = await disposable({ unix: 'none' });
    expect(path.offer(SEGMENTS)).toBeUndefined();
  });

  it('CONFIGURATION for an address that is not of this host', async () => {
    expect(await failure(DirectPath.open({ tcpHost: '192.0.2.1' }))).toMatchObject({
      code: 'CONFIGURATION',
      details: { host: '192.0.2.1' },
    });
  });
});

describe('direct address', () => {
  it.each<[string, readonly Place[]]>([
    ['a name', [{ route: 'unix', path: `\0latentmesh-${TOKEN}` }]],
    ['a file below a folder with a blank', [{ route: 'unix', path: '/tmp/my files/latentmesh-aB3dE6/s' }]],
    ['a host', [{ route: 'tcp', host: 'gpu-1.example', port: 65_535 }]],
    ['IPv6', [{ route: 'tcp', host: 'fd00::1', port: 1 }]],
    [
      'two places',
      [
        { route: 'unix', path: `\0latentmesh-${TOKEN}` },
        { route: 'tcp', host: '10.0.0.1', port: 4 },
      ],
    ],
  ])('reads %s as it was written', (_, places) => {
    expect(parseAddress(formatAddress({ token: TOKEN, places }))).toEqual({ token: TOKEN, places });
  });

  it.each([
    '',
    TOKEN,
    `short tcp:a:1`,
    `${TOKEN} unix:/run/docker.sock`,
    `${TOKEN} unix:@/tmp/dbus`,
    `${TOKEN} unix:/tmp/latentmesh-aB3dE6/../s`,
    `${TOKEN} tcp:host`,
    `${TOKEN} tcp:host:99999`,
    `${TOKEN} tcp:%zz:1`,
    `${TOKEN} tcp:a:1 tcp:b:1 tcp:c:1`,
  ])('D2: nothing else is dialled: %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

async function disposable(options: DirectOptions): Promise<DirectPath & AsyncDisposable> {
  const path = await DirectPath.open(options);
  return Object.assign(path, { [Symbol.asyncDispose]: () => path.close() });
}
