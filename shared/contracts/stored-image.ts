/** How a request names a picture that lies in the object store already. */

const PREFIX = 'object:';

/** What stands in the request for the object of that name. */
export function storedImage(name: string): string {
  return `${PREFIX}${name}`;
}

/** The name of the object that a request's picture stands for; undefined where the picture itself stands there. */
export function storedName(image: string): string | undefined {
  return image.startsWith(PREFIX) ? image.slice(PREFIX.length) : undefined;
}
