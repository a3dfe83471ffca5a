/** The version of this package, as the mesh tells it. */
import packageJson from '../../package.json' with { type: 'json' };

/** SemVer. */
export const VERSION: string = packageJson.version;
