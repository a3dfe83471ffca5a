/**
 * Where a large reply can be had besides chunks, as it stands in the header `mesh-direct`: `<token> <place>…`. A place is
 * `unix:@<name of the kernel's>`, `unix:<path of a socket file>` or `tcp:<host>:<port>`, as a URI is escaped.
 */

/** Somewhere to dial. */
export type Place =
  | { readonly route: 'unix'; readonly path: string }
  | { readonly route: 'tcp'; readonly host: string; readonly port: number };

/** See the head of this file. */
export interface DirectAddress {
  /** Whoever sends it gets the bytes, once. */
  readonly token: string;
  /** In the order to try them. */
  readonly places: readonly Place[];
}

/** Characters of a token: those of a UUID. */
export const TOKEN_LENGTH = 36;
/** In a folder that `mkdtemp` made. */
export const SOCKET_FOLDER_PREFIX = 'latentmesh-';
/** Short: the path of a socket may have 104 bytes on macOS. */
export const SOCKET_FILE_NAME = 's';

const TOKEN = /^[\da-f-]{36}$/;
const KERNEL_NAME = /^unix:@(latentmesh-[\da-f-]{36})$/;
const SOCKET_FILE = /^unix:(\/.*\/latentmesh-[A-Za-z0-9]{6}\/s)$/;
const TCP = /^tcp:(.+):(\d{1,5})$/;
/** One of each kind. */
const MAX_PLACES = 2;

/** The header value. */
export function formatAddress({ token, places }: DirectAddress): string {
  return [token, ...places.map((place) => encodeURI(formatPlace(place)))].join(' ');
}

/** Undefined for what is no address of ours: nothing else is dialled, whoever asks for it. */
export function parseAddress(text: string): DirectAddress | undefined {
  const [token = '', ...places] = text.split(' ');
  const parsed = places.map(parsePlace);
  if (!TOKEN.test(token) || places.length === 0 || places.length > MAX_PLACES) return undefined;
  return parsed.every((place) => place !== undefined) ? { token, places: parsed } : undefined;
}

/** A place as text, unescaped; also the key by which one is remembered. */
export function formatPlace(place: Place): string {
  return place.route === 'tcp' ? `tcp:${place.host}:${place.port}` : `unix:${place.path.replace(/^\0/, '@')}`;
}

function parsePlace(escaped: string): Place | undefined {
  const text = unescaped(escaped);
  const [, name] = KERNEL_NAME.exec(text) ?? [];
  if (name !== undefined) return { route: 'unix', path: kernelName(name) };
  const [, path] = SOCKET_FILE.exec(text) ?? [];
  if (path !== undefined) return { route: 'unix', path };
  const [, host, port] = TCP.exec(text) ?? [];
  return host === undefined || Number(port) > 65_535 ? undefined : { route: 'tcp', host, port: Number(port) };
}

function unescaped(text: string): string {
  try {
    return decodeURI(text);
  } catch {
    return '';
  }
}

/** Names that start with NUL are the kernel's own: unix(7), "abstract". */
export function kernelName(name: string): string {
  return `\0${name}`;
}
