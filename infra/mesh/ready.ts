/** What the supervisor prints when the mesh can work. */
import { relative } from 'node:path';
import { styleText } from 'node:util';

/** What is told of a mesh that is ready. */
export interface ReadyFacts {
  readonly tookMs: number;
  readonly modelFolder: string;
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly logFolder: string;
}

const PROMPT = 'a red boat on the sea at sunset';

/** The ready line and three things to try, with the real addresses. */
export function readyText(facts: ReadyFacts): string {
  const { tookMs, modelFolder, httpUrl, natsUrl } = facts;
  const body = JSON.stringify({ prompt: PROMPT });
  const near = (path: string): string => (path.startsWith(process.cwd()) ? relative(process.cwd(), path) : path);
  const seconds = (tookMs / 1000).toFixed(1);
  return `
${styleText('green', `latentmesh is ready after ${seconds} s`)}: ${near(modelFolder)} on ${httpUrl}

  npx latentmesh generate "${PROMPT}"
  curl -s ${httpUrl}/v1/images/generations -H 'content-type: application/json' -d '${body}'
  npx latentmesh trace
  open ${httpUrl}/ in a browser

  NATS ${natsUrl}, logs in ${near(facts.logFolder)}, Ctrl-C ends it
`;
}
