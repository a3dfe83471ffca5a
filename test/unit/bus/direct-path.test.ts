import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectPath, fetchDirect } from '#shared/bus/direct-path.ts';

const SEGMENTS = [Uint8Array.of(1, 2, 3), new Uint8Array(3_000_000).fill(7), Uint8Array.of(4)];
const TOTAL = 3_000_004;

describe.skipIf(process.platform !== 'linux')('direct path', () => {
  let path: DirectPath;
  beforeEach(() => {
    path = new DirectPath();
  });
  afterEach(() => path.close());

  const address = (): string => path.offer(SEGMENTS)!.address;

  it('brings the segments in one piece, as often as they are asked for', async () => {
    const where = address();
    for (let i = 0; i < 2; i++) {
      expect(Buffer.compare(await fetchDirect(where, TOTAL).done, Buffer.concat(SEGMENTS))).toBe(0);
    }
  });

  it('serves several at once, each its own', async () => {
    const sizes = [1, 70_000, 2_000_000];
    const offers = sizes.map((size) => path.offer([new Uint8Array(size).fill(size % 251)])!);
    const fetched = await Promise.all(offers.map((offer, i) => fetchDirect(offer.address, sizes[i]!).done));
    expect(fetched.map((bytes) => [bytes.length, bytes.at(-1)])).toEqual(sizes.map((size) => [size, size % 251]));
  });

  it('D1: gives nothing for another token', async () => {
    const wrong = address().replace(/\S+$/, '00000000-0000-0000-0000-000000000000');
    await expect(fetchDirect(wrong, TOTAL).done).rejects.toThrow(`0 of ${TOTAL} bytes`);
  });

  it('D1: gives nothing once the offer is withdrawn', async () => {
    const offer = path.offer(SEGMENTS)!;
    offer.withdraw();
    await expect(fetchDirect(offer.address, TOTAL).done).rejects.toThrow(`0 of ${TOTAL} bytes`);
  });

  it('D1: lets go of who says nothing known', async () => {
    const [name] = address().split(' ');
    const stranger = connect({ path: `\0${name}` });
    stranger.resume().write('GET / HTTP/1.1\r\nhost: somewhere\r\n\r\n');
    await new Promise((closed) => stranger.once('close', closed));
  });

  it.each([
    ['more', TOTAL - 1, 'More came'],
    ['less', TOTAL + 1, `${TOTAL} of ${TOTAL + 1} bytes`],
  ])('D2: fails when %s comes than was announced', async (_, announced, text) => {
    await expect(fetchDirect(address(), announced).done).rejects.toThrow(text);
  });

  it('D2: fails when the giving side ends', async () => {
    const fetching = fetchDirect(address(), TOTAL).done;
    path.close();
    await expect(fetching).rejects.toThrow();
  });

  it.each(['', 'nobody', '/run/docker.sock 00000000-0000-0000-0000-000000000000', '@/tmp/dbus x'])(
    'D2: dials no other socket: %j',
    async (elsewhere) => {
      await expect(fetchDirect(elsewhere, 1).done).rejects.toThrow('no address');
    },
  );

  it('ends when it is given up', async () => {
    const fetching = fetchDirect(address(), TOTAL);
    fetching.stop();
    await expect(fetching.done).rejects.toThrow();
  });
});
